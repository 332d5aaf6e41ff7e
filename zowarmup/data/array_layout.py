"""The arrays of a user's data set in one layout; errors say how to change others."""

import numpy as np

from zowarmup.data.arrays import PARTS, Arrays, DataError
from zowarmup.data.labels import tidy_labels

CHANNELS = (1, 2, 3, 4)  # sizes that an axis of channels may have, from grey to RGB + alpha


def tidy(arrays: Arrays, where: str) -> Arrays:
    """The four arrays with images as uint8 (N, C, H, W) and labels as int64 (N,), checked.

    Images come as NHWC, NCHW or NHW. Floats are refused: their values do not show for sure whether
    they mean 0..1 or 0..255, or are normalised.

    Raises:
        DataError: wrong dtype or shape, no images, lengths differ, train and test images differ
            in shape.
    """
    for part in PARTS:
        _check_first_axis(arrays[f"x_{part}"], arrays[f"y_{part}"], f"{where}: x_{part}")
    images = {part: tidy_images(arrays[f"x_{part}"], f"{where}: x_{part}") for part in PARTS}
    labels = {part: tidy_labels(arrays[f"y_{part}"], f"{where}: y_{part}") for part in PARTS}
    for part in PARTS:
        n, m = len(images[part]), len(labels[part])
        if n != m:
            other = len(labels[PARTS[part == "train"]])
            swapped = ", or swap y_train and y_test" if n == other else ""
            raise DataError(
                f"{where}: x_{part} has {n} images but y_{part} has {m} labels; give each image "
                f"one{swapped}"
            )
    train, test = (images[part].shape[1:] for part in PARTS)
    if train != test:
        raise DataError(
            f"{where}: x_test has images of shape {test} (channels, height, width) but x_train "
            f"{train}; bring them to one shape"
        )
    return {f"x_{part}": images[part] for part in PARTS} | {f"y_{p}": labels[p] for p in PARTS}


def _check_first_axis(x: np.ndarray, y: np.ndarray, where: str) -> None:
    """Refuse images that lie along the last axis, as in MATLAB's files."""
    if x.ndim in (3, 4) and y.ndim and x.shape[-1] == len(y) != x.shape[0]:
        raise DataError(
            f"{where} has shape {x.shape}, whose last axis counts the images; store it as "
            "numpy.moveaxis(x, -1, 0)"
        )


def tidy_images(x: np.ndarray, where: str) -> np.ndarray:
    """Images as uint8 (N, C, H, W) in one block of memory; see `tidy`."""
    if x.dtype != np.uint8:
        raise DataError(f"{where} has dtype {x.dtype} but must be uint8 (0..255); {_as_bytes(x)}")
    if x.size == 0:
        raise DataError(
            f"{where} has shape {x.shape}, which is empty; put at least one image into it"
        )
    if x.ndim not in (3, 4):
        raise DataError(
            f"{where} has shape {x.shape} but must be (images, height, width) or "
            f"(images, height, width, channels); reshape it{_example(x)}"
        )
    if x.ndim == 3:
        return np.ascontiguousarray(x[:, None])
    first, last = x.shape[1] in CHANNELS, x.shape[3] in CHANNELS
    if first == last:
        raise DataError(f"{where} has shape {x.shape}, in which {_unclear(x, first)}")
    return np.ascontiguousarray(x if first else x.transpose(0, 3, 1, 2))


def _example(x: np.ndarray) -> str:
    """How to reshape flat images whose sides seem to be equal; else ""."""
    if x.ndim != 2:
        return ""
    for shape in ("", "3, "):  # CIFAR's rows are red, then green, then blue
        side = round((x.shape[1] / (3 if shape else 1)) ** 0.5)
        if side**2 * (3 if shape else 1) == x.shape[1]:
            return f", perhaps as x.reshape(-1, {shape}{side}, {side})"
    return ""


def _unclear(x: np.ndarray, both: bool) -> str:
    if not both:
        return (
            "no axis could be the 1 to 4 channels; store it as (images, height, width, channels) "
            "or without channels"
        )
    return (
        "two axes could be the 1 to 4 channels; store grey images without channels, and pad others "
        "to more than 4 pixels a side"
    )


def _as_bytes(x: np.ndarray) -> str:
    """How to store images of another number type as bytes, by their values."""
    if x.dtype.kind == "b":
        return "store it as 255 * x.astype(numpy.uint8)"
    if x.dtype.kind not in "iuf":
        return "store numbers from 0 to 255 as uint8"
    if x.dtype.kind == "f" and (odd := int((~np.isfinite(x)).sum())):
        return f"{odd} of its values are NaN or infinite: replace these first"
    if not x.size:
        return "store it as x.astype(numpy.uint8)"
    low, high = x.min(), x.max()
    return f"its values go from {low:.6g} to {high:.6g}: {_scaled(x.dtype.kind, low, high)}"


def _scaled(kind: str, low: float, high: float) -> str:
    if low < 0:
        return "undo the normalisation, so that black is 0 and white 255, and store that as uint8"
    if high <= 1:
        return "store it as (255 * x).round().astype(numpy.uint8)"
    if high <= 255:
        return f"store it as x{'.round()' * (kind == 'f')}.astype(numpy.uint8)"
    if high <= 65535:
        return (
            "if white is 65535 store it as (x / 257).round().astype(numpy.uint8), else divide by "
            "white / 255"
        )
    return "divide by white / 255, round, and store it with .astype(numpy.uint8)"
