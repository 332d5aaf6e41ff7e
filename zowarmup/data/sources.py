"""Where data sets come from: computed, downloaded, or a file that somebody put into a folder.

A new data set needs no code: put NAME.npz into the data folder. One that must be computed or
downloaded is one function more in `SOURCES`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from zowarmup.data import imagenet32 as imagenet32_files
from zowarmup.data.arrays import KEYS, PARTS, Arrays, DataError, read_npz
from zowarmup.data.draws import generator

DATA_DIR = "ZOWARMUP_DATA_DIR"
DIGITS_TRAIN = 1437  # of 1797, the usual 80 %
Source = tuple[Arrays, float, str]  # arrays, scale, where they are from (for messages)
Loader = Callable[[str, Path | None], Source]


def digits(name: str, folder: Path | None) -> Source:
    """scikit-learn's 1797 handwritten digits, 8 x 8, grey levels 0..16; needs no folder."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = generator("dataset split", name).permutation(len(found.target))
    x, y = found.images.astype(np.uint8)[order], found.target.astype(np.int64)[order]
    train, test = slice(None, DIGITS_TRAIN), slice(DIGITS_TRAIN, None)
    return dict(zip(KEYS, (x[train], y[train], x[test], y[test]), strict=True)), 16.0, name


def cifar10(name: str, folder: Path | None) -> Source:
    """CIFAR-10 (Krizhevsky 2009) in its official order."""
    folder = need_folder(name, folder)
    if (folder / f"{name}.npz").exists():
        return npz_file(name, folder)
    from torchvision.datasets import CIFAR10

    try:
        parts = [CIFAR10(folder, train=part == "train", download=True) for part in PARTS]
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{folder}: CIFAR-10 cannot be downloaded there ({error}); "
            f"put {name}.npz or the unpacked cifar-10-batches-py into it"
        ) from error
    arrays = [array for part in parts for array in (part.data, np.asarray(part.targets))]
    return dict(zip(KEYS, arrays, strict=True)), 255.0, str(folder)


def imagenet32(name: str, folder: Path | None) -> Source:
    """ImageNet32 from its owner's files, the validation set being the test set."""
    folder = need_folder(name, folder)
    if (folder / f"{name}.npz").exists():
        return npz_file(name, folder)
    return imagenet32_files.read(folder), 255.0, str(folder)


def npz_file(name: str, folder: Path | None) -> Source:
    """Any data set that somebody put into the data folder as NAME.npz."""
    path = need_folder(name, folder) / f"{name}.npz"
    return read_npz(path, KEYS), 255.0, str(path)


SOURCES: dict[str, Loader] = {"digits": digits, "cifar10": cifar10, "imagenet32": imagenet32}


def find(name: str) -> Loader:
    """The loader of a data set; a name that is not in the table is a file's."""
    return SOURCES.get(name, npz_file)


def need_folder(name: str, folder: Path | None) -> Path:
    """The data folder, or the sentence that says how to name one."""
    if folder is None:
        raise DataError(
            f"data set {name} is read from {name}.npz in a data folder, but none is set; "
            f"set data_dir or the environment variable {DATA_DIR} (built in: {', '.join(SOURCES)})"
        )
    return folder
