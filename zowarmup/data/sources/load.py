"""Sources of data sets: computed, downloaded, or read from the data folder.

A new data set needs no code: put NAME.npz into the data folder. A data set with several files or a
download needs a function in READERS.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from zowarmup.config.source_files import DATA_DIR
from zowarmup.data.arrays import KEYS, Arrays, DataError, read_npz
from zowarmup.data.draws import generator
from zowarmup.data.sources import cifar, imagenet32

DIGITS_TRAIN = 1437  # of 1797, the usual 80 %

# These functions read the owner's files if the data folder has no NAME.npz.
READERS: dict[str, Callable[[str, Path], Arrays]] = {
    "cifar10": cifar.read,
    "cifar100": cifar.read,
    "imagenet32": imagenet32.read,
}


def read(name: str, folder: Path | None) -> tuple[Arrays, float, str]:
    """Return the arrays of a data set, the value of a white pixel, and the place for messages.

    Raises:
        DataError: the data set needs a folder and none is set, or its files cannot be used.
    """
    if name == "digits":
        return _digits(), 16.0, name
    if folder is None:
        raise DataError(
            f"data set {name} is read from {name}.npz, but no data folder is set; set `data_dir` "
            f"or the environment variable {DATA_DIR}, or use `source: digits`"
        )
    own = folder / f"{name}.npz"
    if own.exists() or name not in READERS:
        return read_npz(own, KEYS), 255.0, str(own)
    return READERS[name](name, folder), 255.0, str(folder)


def _digits() -> Arrays:
    """scikit-learn's 1797 handwritten digits, 8 x 8, grey levels 0..16."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = generator("dataset split", "digits").permutation(len(bunch.target))
    x, y = bunch.images.astype(np.uint8)[order], bunch.target.astype(np.int64)[order]
    train, test = slice(None, DIGITS_TRAIN), slice(DIGITS_TRAIN, None)
    return dict(zip(KEYS, (x[train], y[train], x[test], y[test]), strict=True))
