"""Data sets: inputs and labels, their normalisation, and the file that the workflow keeps."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from zowarmup.common import files
from zowarmup.config.source_files import folder_of
from zowarmup.data import clients
from zowarmup.data.area_means import resized
from zowarmup.data.array_layout import check_classes, tidy
from zowarmup.data.arrays import KEYS, PARTS, Arrays, DataError, read_npz, write_npz
from zowarmup.data.clients import Clients
from zowarmup.data.draws import generator
from zowarmup.data.scaling import statistics
from zowarmup.data.sources.load import read

VOCABULARY = "vocabulary"  # the array in dataset.npz with the attribute of this name, if any


@dataclass(frozen=True, eq=False)
class Dataset:
    """Inputs as they were recorded, and their scaling to zero mean and unit variance.

    Attributes:
        x_train, x_test: images (N, C, H, W) uint8, features (N, F, ...) float32, or tokens (N, T)
            int64, which are not scaled.
        y_train, y_test: (N,) int64, classes 0..C-1; every class has a training example. In text,
            (N, T): the token that follows each token.
        mean, std: (C,) or (F,) float32, of x_train / scale along axis 1; empty for tokens.
        scale: the value of a white pixel, 255 or (digits) 16; 1 for features and tokens.
        given: the clients, if the data say who holds what.
        vocabulary: the number of different tokens in text; None for other data.
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    scale: float
    given: Clients | None = None
    vocabulary: int | None = None

    @property
    def classes(self) -> int:
        """Number of classes C; in text each token is a class."""
        return self.vocabulary or int(self.y_train.max()) + 1

    def images(self, part: str) -> np.ndarray:
        """Normalised inputs float32 of "train" or "test": (x/scale - mean) / std; or tokens."""
        x = self.x_train if is_train(part) else self.x_test
        if x.dtype == np.int64:
            return x
        x, axes = x.astype(np.float32), (-1, *[1] * (x.ndim - 2))
        x /= np.float32(self.scale)
        x -= self.mean.reshape(axes)
        x /= self.std.reshape(axes)
        return x

    def labels(self, part: str) -> np.ndarray:
        """Labels (N,) int64 of "train" or "test"."""
        return self.y_train if is_train(part) else self.y_test

    @property
    def arrays(self) -> Arrays:
        """Inputs, labels, scaling, clients and vocabulary by name: the contents of dataset.npz."""
        scaling = {"mean": self.mean, "std": self.std, "scale": np.float32(self.scale)}
        arrays = {key: getattr(self, key) for key in KEYS} | {
            name: np.asarray(value) for name, value in scaling.items()
        }
        if self.vocabulary:
            arrays |= {VOCABULARY: np.int64(self.vocabulary)}
        return arrays | (self.given.arrays if self.given else {})

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the contents, which does not depend on the data set's name."""
        return fingerprint(self.arrays)


def fingerprint(arrays: Arrays) -> str:
    """The SHA-256 of names, number types, shapes and values."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def is_train(part: str) -> bool:
    """Whether `part` is "train" rather than "test"; any other word is an error."""
    if part not in PARTS:
        raise ValueError(f'a data set has the parts "train" and "test", not "{part}"')
    return part == "train"


def load_source(
    name: str,
    data_dir: str | Path | None = None,
    *,
    images_train: int | None = None,
    images_test: int | None = None,
    resize: int | None = None,
) -> Dataset:
    """Load the data set `name` from scikit-learn, NAME.npz, its owner's files or a download.

    Large images, such as the 3.9 GB of ImageNet32, are in memory once, and a tenth of them twice.

    Args:
        name: "digits", the NAME of a file NAME.npz (see `array_layout.tidy`) or one of READERS.
        data_dir: folder of the files; if None, the environment variable ZOWARMUP_DATA_DIR.
        images_train, images_test: the number of images to use, chosen by a permutation that depends
            on the data set's name alone, so a smaller number gives a subset of a larger one.
        resize: height and width of the images after scaling by area means; None leaves them.

    Raises:
        DataError: one sentence with file, array and fix.
    """
    arrays, scale, where = read(name, folder_of(data_dir))
    arrays = tidy(arrays, where)
    whole = arrays["y_train"]
    check_classes(arrays, where)
    for part, limit in (("train", images_train), ("test", images_test)):
        arrays |= limited(arrays, part, limit, name, where)
    if len(lost := np.setdiff1d(whole, arrays["y_train"])):
        raise DataError(
            f"{where}: y_train has no image of class {lost[0]} left; raise images_train "
            f"({images_train})"
        )
    arrays |= resized(arrays, resize, where)
    return scaled(name, arrays, scale)


def checked(name: str, arrays: Arrays, where: str, *, given: Clients | None = None) -> Dataset:
    """Return the data set of a user's tidy arrays; with a label for each token, these are classes.

    Raises:
        DataError: a class has no training example; see `array_layout.check_classes`.
    """
    if arrays["y_train"].ndim > 1:
        tokens = 1 + max(int(array.max()) for array in arrays.values())
        return scaled(name, arrays, given=given, vocabulary=tokens)
    check_classes(arrays, where)
    return scaled(name, arrays, 255.0, given)


def scaled(
    name: str,
    arrays: Arrays,
    scale: float = 1.0,
    given: Clients | None = None,
    vocabulary: int | None = None,
) -> Dataset:
    """Return the data set of tidy arrays, with the scaling that its training inputs ask for.

    Args:
        scale: the value of a white pixel; other inputs than images have the scale 1.
        vocabulary: see `Dataset`.
    """
    scale = scale if arrays["x_train"].dtype == np.uint8 else 1.0
    mean, std = statistics(arrays["x_train"], scale)
    return Dataset(
        name=name, mean=mean, std=std, scale=scale, given=given, vocabulary=vocabulary, **arrays
    )


def limited(arrays: Arrays, part: str, limit: int | None, name: str, where: str) -> Arrays:
    """Return `limit` images and labels of `part` in the original order; {} without a limit."""
    x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
    if limit is None:
        return {}
    if not 1 <= limit <= len(y):
        raise DataError(
            f"{where}: images_{part} is {limit} but x_{part} has {len(y)} images; "
            f"set images_{part} to a number from 1 to {len(y)}, or leave it out"
        )
    keep = np.sort(generator("image subset", name, part).permutation(len(y))[:limit])
    return {f"x_{part}": x[keep], f"y_{part}": y[keep]}


def save(dataset: Dataset, path: str | Path) -> None:
    """Write dataset.npz and its summary beside it; equal data sets give equal bytes."""
    write_npz(path, dataset.arrays | {"name": np.asarray(dataset.name)})
    summary = {
        "name": dataset.name,
        "classes": dataset.classes,
        "sha256": dataset.sha256,
        "shapes": {key: getattr(dataset, key).shape for key in KEYS},
        "train_images_per_class": np.bincount(
            dataset.y_train.ravel(), minlength=dataset.classes
        ).tolist(),
    }
    text = json.dumps(summary, sort_keys=True, indent=1) + "\n"
    files.atomic_write_text(Path(path).with_suffix(".json"), text)


def load(path: str | Path) -> Dataset:
    """Read what `save` wrote.

    Raises:
        UserError: a file is missing or damaged, or the summary belongs to other contents.
    """
    wanted = (*KEYS, "mean", "std", "scale", "name")
    arrays = read_npz(Path(path), wanted, optional=(*clients.KEYS, VOCABULARY))
    name, summary = str(arrays.pop("name")), Path(path).with_suffix(".json")
    if files.read_json(summary).get("sha256") != fingerprint(arrays):
        raise DataError(
            f"{path}: the sha256 of its contents is not the one in {summary.name} beside it; "
            "delete both files and let Snakemake recreate them"
        )
    given, scale = clients.of_arrays(arrays), float(arrays.pop("scale"))
    vocabulary = int(arrays.pop(VOCABULARY)) if VOCABULARY in arrays else None
    return Dataset(name=name, scale=scale, given=given, vocabulary=vocabulary, **arrays)
