"""Images as rows of 3072 bytes, red then green then blue, as CIFAR and ImageNet32 keep them."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.data.arrays import Arrays, DataError, read_npz
from zowarmup.data.sources.pickles import read_pickle

SHAPE = (3, 32, 32)
WIDTH = 3 * 32 * 32


@dataclass(frozen=True)
class Format:
    """The key of the labels in the files of a data set, and the first and last label."""

    labels: str
    first: int
    last: int


def read_batch(path: Path, form: Format) -> tuple[np.ndarray, np.ndarray]:
    """Read images (n, 3072) uint8 and labels (n,) int64, counted from 0, from a pickle or .npz.

    Raises:
        DataError: the file cannot be read or has another format.
    """
    content = _content(path, form)
    x, y = content["data"], _labels(content[form.labels], path, form)
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape[1:] != (WIDTH,):
        has = f"{x.dtype} of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
        raise DataError(
            f"{path}: data is {has} but must be uint8 of shape (images, {WIDTH}), 3 x 32 x 32; "
            "get the edition with 32 x 32 pixels"
        )
    if len(x) != len(y) or not len(x):
        raise DataError(
            f"{path}: has {len(x)} images but {len(y)} labels, not one per image; copy it again"
        )
    return x, y


def _content(path: Path, form: Format) -> dict[str, Any]:
    if path.suffix == ".npz":
        return read_npz(path, ("data", form.labels))
    content = read_pickle(path)
    if not isinstance(content, dict) or not {"data", form.labels} <= content.keys():
        has = ascii([*content])[:120] if isinstance(content, dict) else type(content).__name__
        raise DataError(
            f"{path}: must hold a dict with data and {form.labels} but holds {has}; copy it again"
        )
    return content


def _labels(labels: Any, path: Path, form: Format) -> np.ndarray:
    integers = isinstance(labels, list) and {*map(type, labels)} == {int}
    y = np.array(labels) if integers else labels
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "iu" or y.ndim != 1:
        raise DataError(f"{path}: {form.labels} must be one integer per image; copy it again")
    if len(y) and not form.first <= y.min() <= y.max() <= form.last:
        raise DataError(
            f"{path}: {form.labels} go from {y.min()} to {y.max()}, but this format counts from "
            f"{form.first} to at most {form.last}; use the files as their owner gives them"
        )
    return y.astype(np.int64) - form.first


def most_rows(path: Path) -> int:
    """Return an upper bound of the rows of an undamaged batch, from the size of the file."""
    if not zipfile.is_zipfile(path):
        return path.stat().st_size // WIDTH
    with zipfile.ZipFile(path) as archive:
        return sum(entry.file_size for entry in archive.infolist()) // WIDTH


def read_batches(paths: Sequence[Path], form: Format) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) uint8 and labels (n,) of several batches; see `read_batch`.

    The images are held once, and each batch twice while it is copied into the common block.
    """
    x = np.empty((sum(map(most_rows, paths)), WIDTH), np.uint8)  # the unused end takes no memory
    labels, n = [], 0
    for path in paths:
        rows, y = read_batch(path, form)
        x[n : n + len(rows)] = rows
        del rows  # so that the next batch is the only one beside `x`
        labels.append(y)
        n += len(y)
    return x[:n].reshape(-1, *SHAPE), np.concatenate(labels)


def check_sizes(arrays: Arrays, official: tuple[int, int], where: str) -> None:
    """Check that both parts have the official number of images, or neither has.

    Raises:
        DataError: only one of the two numbers is the official one.
    """
    train, test = len(arrays["y_train"]), len(arrays["y_test"])
    if (train == official[0]) != (test == official[1]):
        raise DataError(
            f"{where}: has {train} training and {test} test images, but the official set has "
            f"{official[0]} and {official[1]}; one part is incomplete or belongs to another set: "
            "copy that part again"
        )
