"""Smaller images by area means: each new pixel is the mean of the pixels under it."""

import numpy as np

from zowarmup.data.arrays import Arrays, DataError

CHUNK = 4096  # images at a time, because their sums take four bytes a pixel


def resized(arrays: Arrays, side: int | None, where: str) -> Arrays:
    """Return the images of both parts, `side` pixels high and wide; {} without a side.

    Raises:
        DataError: the images are not square, or not that large.
    """
    if side is None:
        return {}
    if arrays["x_train"].dtype != np.uint8:
        raise DataError(
            f"{where}: resize is {side} but the data are rows of numbers, not images; leave resize "
            "out"
        )
    height, width = arrays["x_train"].shape[2:]
    if height != width or not 1 <= side <= height:
        fix = f"set resize to a number from 1 to {height}" if height == width else "crop the images"
        raise DataError(
            f"{where}: resize is {side} but the images have {height} x {width} pixels; {fix}, or "
            "leave resize out"
        )
    return {key: area_means(arrays[key], side) for key in ("x_train", "x_test")}


def area_means(x: np.ndarray, side: int) -> np.ndarray:
    """Scale square images (N, C, H, H) uint8 to (N, C, side, side), as "area" in torch does.

    The pixels under a new one are all those that it touches. Sums are integers and halves are
    rounded up, so that the result is equal on every machine.
    """
    small = np.empty((*x.shape[:2], side, side), np.uint8)
    for start in range(0, len(x), CHUNK):
        rows, high = _sums(x[start : start + CHUNK], side, axis=2)
        sums, wide = _sums(rows, side, axis=3)
        area = high[:, None] * wide
        small[start : start + CHUNK] = (2 * sums + area) // (2 * area)
    return small


def _sums(x: np.ndarray, side: int, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Sum the pixels under each of `side` new ones along an axis; return how many these are too."""
    old, new = x.shape[axis], np.arange(side)
    first, last = new * old // side, -(-(new + 1) * old // side)
    zero = np.zeros_like(x.take([0], axis), np.int32)
    before = np.concatenate([zero, x.cumsum(axis, np.int32)], axis)
    return before.take(last, axis) - before.take(first, axis), (last - first).astype(np.int32)
