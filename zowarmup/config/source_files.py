"""The names and places of the files that a data set is read from."""

import os
from collections.abc import Iterator
from pathlib import Path

from zowarmup.common import user_paths

DATA_DIR = "ZOWARMUP_DATA_DIR"

# Sources that are computed: they read no file.
COMPUTED = ("digits",)

# The folder and the batches of the unpacked archives, training batches first.
CIFAR = {
    "cifar10": ("cifar-10-batches-py", (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")),
    "cifar100": ("cifar-100-python", ("train", "test")),
}

IMAGENET32 = "imagenet32"
# By part: the files, and the folders that the archives and the authors' scripts put them into.
IMAGENET32_PARTS = {
    "train": (
        tuple(f"train_data_batch_{i}" for i in range(1, 11)),
        (".", "Imagenet32_train", "Imagenet32_train_npz", "out_data_train"),
    ),
    "test": (("val_data",), (".", "Imagenet32_val", "Imagenet32_val_npz", "out_data_val")),
}


def folder_of(data_dir: str | Path | None) -> Path | None:
    """The data folder: the config's `data_dir`, else the environment's; None if neither is set."""
    named = data_dir or os.environ.get(DATA_DIR)
    return user_paths.expanded(named, "data_dir" if data_dir else DATA_DIR) if named else None


def files_of(source: str, folder: Path | None) -> list[Path]:
    """Return the files that a source reads, in a fixed order; [] if a file is missing."""
    if folder is None or source in COMPUTED:
        return []
    if os.path.isfile(own := folder / f"{source}.npz"):
        return [own]
    if source in CIFAR:
        batches, names = CIFAR[source]
        return _complete([[folder / batches / name for name in names]])
    if source == IMAGENET32:
        train, test = (_complete(imagenet32_places(folder, part)) for part in IMAGENET32_PARTS)
        return train + test if train and test else []
    return []


def imagenet32_places(folder: Path, part: str) -> Iterator[list[Path]]:
    """Yield the paths that the files of "train" or "test" may have, the first choice first."""
    names, inside = IMAGENET32_PARTS[part]
    for place in (root / name for root in (folder, folder / IMAGENET32) for name in inside):
        for suffix in ("", ".npz"):
            yield [place / f"{name}{suffix}" for name in names]


def _complete(places: Iterator[list[Path]] | list[list[Path]]) -> list[Path]:
    # if a folder cannot be read, os.path says that a file is not there; pathlib fails
    return next((files for files in places if all(map(os.path.isfile, files))), [])
