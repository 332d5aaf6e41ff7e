"""Sources of data sets: computed, downloaded, or a file in the data folder.

A new data set needs no code: put NAME.npz into the data folder. One that has to be computed or
downloaded is a function in `SOURCES`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from zowarmup.config.source_files import DATA_DIR
from zowarmup.data.arrays import KEYS, Arrays, DataError, read_npz
from zowarmup.data.draws import generator
from zowarmup.data.sources import cifar, imagenet32

DIGITS_TRAIN = 1437  # of 1797, the usual 80 %
Source = tuple[Arrays, float, str]  # arrays, scale, place (for messages)
Loader = Callable[[str, Path | None], Source]


def digits(name: str, folder: Path | None) -> Source:
    """scikit-learn's 1797 handwritten digits, 8 x 8, grey levels 0..16; needs no folder."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = generator("dataset split", name).permutation(len(bunch.target))
    x, y = bunch.images.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
    train, test = slice(None, DIGITS_TRAIN), slice(DIGITS_TRAIN, None)
    return dict(zip(KEYS, (x[train], y[train], x[test], y[test]), strict=True)), 16.0, name


def npz_file(name: str, folder: Path | None) -> Source:
    """The data set in NAME.npz of the data folder."""
    path = need_folder(name, folder) / f"{name}.npz"
    return read_npz(path, KEYS), 255.0, str(path)


def owners_files(read: Callable[[str, Path], Arrays]) -> Loader:
    """A loader that reads NAME.npz or, without it, lets `read` take the owner's files."""

    def load(name: str, folder: Path | None) -> Source:
        folder = need_folder(name, folder)
        if (folder / f"{name}.npz").exists():
            return npz_file(name, folder)
        return read(name, folder), 255.0, str(folder)

    return load


SOURCES: dict[str, Loader] = {
    "digits": digits,
    "cifar10": owners_files(cifar.read),
    "cifar100": owners_files(cifar.read),
    "imagenet32": owners_files(imagenet32.read),
}


def find(name: str) -> Loader:
    """The loader of a data set; a name outside of the table is that of a file."""
    return SOURCES.get(name, npz_file)


def need_folder(name: str, folder: Path | None) -> Path:
    """The data folder.

    Raises:
        DataError: none is set.
    """
    if folder is None:
        raise DataError(
            f"data set {name} is read from {name}.npz in a data folder, but none is set; "
            f"set data_dir or the environment variable {DATA_DIR} (built in: {', '.join(SOURCES)})"
        )
    return folder
