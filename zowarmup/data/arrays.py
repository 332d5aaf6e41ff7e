"""The arrays of a data set as files hold them: read, checked, brought to one layout, written."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from zowarmup.settings import files
from zowarmup.settings.errors import UserError

Arrays = dict[str, np.ndarray]
PARTS = ("train", "test")
KEYS = ("x_train", "y_train", "x_test", "y_test")
CHANNELS = (1, 2, 3, 4)  # sizes that an axis of channels may have, from grey to RGB + alpha


class DataError(UserError):
    """A data set that cannot be used; the message is one sentence: file, array and mend."""


def read_npz(path: Path, keys: Iterable[str]) -> Arrays:
    """The arrays `keys` of an .npz file; others in it are not read.

    Raises:
        DataError: no such file, not a readable .npz (truncated, damaged, pickled objects), or
            an array is missing.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put the data set there or change data_dir")
    try:
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise DataError(f"{path}: holds one plain array; write it with numpy.savez")
            return {key: _read_array(found, key, path) for key in keys}
    except DataError:
        raise
    # A damaged file fails in a dozen ways inside zipfile, zlib and numpy; all mean the same.
    except Exception as error:
        raise DataError(
            f"{path}: not a readable .npz file ({error}); it may be truncated, copy it again"
        ) from error


def _read_array(found: np.lib.npyio.NpzFile, key: str, path: Path) -> np.ndarray:
    if key not in found.files:
        has = ", ".join(found.files) or "no arrays"
        raise DataError(f"{path}: array {key} is missing (the file has {has}); add it")
    try:
        return found[key]
    except Exception as error:
        raise DataError(
            f"{path}: array {key} cannot be read ({error}); the file is damaged or holds Python "
            "objects, make it again as plain numbers"
        ) from error


def write_npz(path: str | Path, arrays: Arrays) -> None:
    """Write an .npz whose bytes depend on the arrays alone: no time, system or compressor.

    `numpy.savez` leaves these to the running Python. Stored uncompressed, since the output of
    zlib differs between its versions.
    """
    with files.atomic_file(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3  # Unix, wherever this runs
            with archive.open(entry, "w", force_zip64=True) as member:
                plain = np.asarray(array, order="C")
                np.lib.format.write_array(member, plain, version=(1, 0), allow_pickle=False)


def tidy(arrays: Arrays, where: str) -> Arrays:
    """The four arrays with images as uint8 (N, C, H, W) and labels as int64 (N,), checked.

    Images come as NHWC, NCHW or NHW. Floats are refused rather than guessed at: whether they
    mean 0..1 or 0..255, or are normalised already, cannot be told for sure from the values.

    Raises:
        DataError: wrong dtype or shape, no images, lengths differ, train and test images differ
            in shape.
    """
    images = {part: tidy_images(arrays[f"x_{part}"], f"{where}: x_{part}") for part in PARTS}
    labels = {part: tidy_labels(arrays[f"y_{part}"], f"{where}: y_{part}") for part in PARTS}
    for part in PARTS:
        n, m = len(images[part]), len(labels[part])
        if n != m:
            raise DataError(
                f"{where}: x_{part} has {n} images but y_{part} has {m} labels; give each image one"
            )
    train, test = (images[part].shape[1:] for part in PARTS)
    if train != test:
        raise DataError(
            f"{where}: x_test has images of shape {test} (channels, height, width) but x_train "
            f"{train}; bring them to one shape"
        )
    return {key: (images if key[0] == "x" else labels)[key[2:]] for key in KEYS}


def tidy_images(x: np.ndarray, where: str) -> np.ndarray:
    """Images as uint8 (N, C, H, W) in one block of memory; see `tidy`."""
    if x.dtype != np.uint8:
        raise DataError(
            f"{where} has dtype {x.dtype} but must be uint8 (0..255); "
            "store images in 0..1 as (255 * x).round().astype(numpy.uint8)"
        )
    if x.ndim not in (3, 4) or x.size == 0:
        raise DataError(
            f"{where} has shape {x.shape} but must be (images, height, width) or "
            "(images, height, width, channels), none of them 0; reshape it"
        )
    if x.ndim == 3:
        return np.ascontiguousarray(x[:, None])
    first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
    if first == last:
        raise DataError(
            f"{where} has shape {x.shape}, in which {'two axes' if first else 'no axis'} could be "
            "the 1 to 4 channels; store it as (images, height, width, channels) or without channels"
        )
    return np.ascontiguousarray(x if first else x.transpose(0, 3, 1, 2))


def tidy_labels(y: np.ndarray, where: str) -> np.ndarray:
    """Labels as int64 (N,); see `tidy`."""
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise DataError(
            f"{where} has dtype {y.dtype} and shape {y.shape} but must be one integer per image; "
            "store it as y.ravel().astype(numpy.int64)"
        )
    # Checked before the cast, which would turn a huge unsigned label into a negative one.
    if len(y) and not 0 <= int(y.min()) <= int(y.max()) < 2**31:
        raise DataError(
            f"{where} has labels from {y.min()} to {y.max()}; number the classes 0 to C-1"
        )
    return y.astype(np.int64)


def check_saved(arrays: Arrays, where: str) -> None:
    """The arrays of dataset.npz are such as training needs: of one layout, and scaled by numbers.

    Raises:
        DataError: the first that is not.
    """
    tidied = tidy(arrays, where)
    channels = tidied["x_train"].shape[1]
    sizes = {"mean": (channels,), "std": (channels,), "scale": (), "name": ()}
    for name, array in arrays.items():
        kind = "U" if name == "name" else "f" if name in sizes else tidied[name].dtype.kind
        fits = array.shape == (sizes[name] if name in sizes else tidied[name].shape)
        if array.dtype.kind != kind or not fits or (kind == "f" and not np.isfinite(array).all()):
            raise DataError(
                f"{where}: array {name} is {array.dtype} of shape {array.shape} or not finite, "
                "which is not what this project writes; delete the file and let it be made again"
            )
    if not (arrays["scale"] > 0 and (arrays["std"] > 0).all()):
        raise DataError(f"{where}: scale or std is 0 or below; delete it and let it be made again")


def check_classes(y_train: np.ndarray, y_test: np.ndarray, where: str) -> None:
    """Every class 0..C-1 has a training image, C-1 being the largest label of all.

    So labels that count from 1 are found here instead of as a class that nothing ever recalls.
    """
    present = np.unique(y_train)
    top = int(max(present[-1], y_test.max()))
    if len(present) <= top:
        missing = int(np.setdiff1d(np.arange(len(present) + 1), present)[0])
        raise DataError(
            f"{where}: y_train has no image of class {missing} though labels go up to {top}; "
            "number the classes 0 to C-1 without gaps, or raise images_train if it is set"
        )
