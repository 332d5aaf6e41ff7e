"""What an .npz of the user's own holds, and whether it can be a data set."""

from pathlib import Path
from typing import Any

from zowarmup.config.source_files import COMPUTED, IMAGENET32
from zowarmup.data import datasets
from zowarmup.data.arrays import DataError, describe_npz
from zowarmup.storage.run_json import sha256

Facts = dict[str, Any]


def images(file: Path) -> Facts:
    """Every array with shape, dtype and range, and the data set that the workflow would make of it.

    Raises:
        DataError: not a readable .npz.
    """
    arrays = describe_npz(file)
    usable = _as_source(file, {row["array"] for row in arrays})
    return usable | {"file_sha256": sha256(file), "arrays": arrays}


def _as_source(file: Path, names: set[str]) -> Facts:
    """Whether the file can be a source, and if so of how many images and classes."""
    name = file.stem
    if {"data", "labels"} <= names:
        return {"usable": f"as one of the files that source: {IMAGENET32} reads"}
    if file.suffix != ".npz" or name in COMPUTED:
        return {"usable": "no: rename it to NAME.npz, with a NAME that is not built in"}
    try:
        data = datasets.load_source(name, file.absolute().parent)
    except DataError as error:
        return {"usable": f"no: {str(error).removeprefix(f'{file.absolute()}: ')}"}
    return {
        "usable": f"yes, as source: {name}, if it lies in the data folder",
        "classes": data.classes,
        "train_images": len(data.y_train),
        "test_images": len(data.y_test),
        "image": list(data.x_train.shape[1:]),
    }
