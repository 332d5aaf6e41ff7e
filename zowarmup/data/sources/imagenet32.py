"""ImageNet32 (Chrabaszcz, Loshchilov & Hutter 2017, arXiv:1707.08819) from its owner's files.

The files are ten training batches and a validation set, as pickles or .npz; users who accept the
terms of image-net.org download them there. Labels are in the order of the authors' map_clsloc.txt
(1 is n02119789, a kit fox), not in the alphabetical order of synsets that torchvision uses: with
the names of that order, the labels look wrong. The mean image of the training batches is not used;
`datasets` computes the statistics.
"""

from pathlib import Path

from zowarmup.config.source_files import IMAGENET32, IMAGENET32_PARTS, imagenet32_places
from zowarmup.data.arrays import KEYS, Arrays, DataError
from zowarmup.data.sources.image_rows import Format, check_sizes, read_batches

FORM = Format("labels", first=1, last=1000)
SIZES = 1_281_167, 50_000
SMALL_TEST = 49_999  # in "small ImageNet" (van den Oord et al. 2016), with other pixels


def read(name: str, folder: Path) -> Arrays:
    """The arrays x_train, y_train, x_test, y_test; the test images are the validation set.

    The files lie in `folder` or in its folder imagenet32; a smaller set in this format is accepted,
    too. Labels are counted from 0.

    Raises:
        DataError: a file is missing or damaged, has another format or is from small ImageNet.
    """
    train, test = _find(folder, "train"), _find(folder, "test")
    x_test, y_test = read_batches(test, FORM)  # first, because this set is smaller
    if len(y_test) == SMALL_TEST:
        raise DataError(
            f"{test[0]}: has {SMALL_TEST} images, so it is from small ImageNet and not from "
            f"ImageNet32, which has {SIZES[1]}; get Imagenet32_val from image-net.org"
        )
    arrays = dict(zip(KEYS, (*read_batches(train, FORM), x_test, y_test), strict=True))
    check_sizes(arrays, SIZES, str(folder))
    return arrays


def _find(folder: Path, part: str) -> list[Path]:
    """Return the files of one part, all in one folder and one format."""
    names, inside = IMAGENET32_PARTS[part]
    for paths in imagenet32_places(folder, part):
        missing = [path.name for path in paths if not path.is_file()]
        if not missing:
            return paths
        if len(missing) < len(names):
            raise DataError(
                f"{paths[0].parent}: {missing[0]} is missing, but other files of this set are "
                "there; put the missing file beside them"
            )
    raise DataError(
        f"{folder}: {names[0]} is missing, as pickle or .npz; put the files of ImageNet32 there, "
        f"into its folder {IMAGENET32}, or into {', '.join(inside[1:])} in one of these"
    )
