"""The mean and standard deviation by which the inputs of a data set are scaled."""

import math

import numpy as np

Moments = tuple[np.ndarray, np.ndarray]


def statistics(x: np.ndarray, scale: float) -> Moments:
    """Mean and standard deviation of x / scale along axis 1, float32; none for tokens.

    Args:
        x: training images (uint8), features (float32) or tokens (int64).
    """
    if x.dtype == np.uint8:
        return channel_statistics(x, scale)
    if x.dtype == np.int64:
        return np.empty(0, np.float32), np.empty(0, np.float32)
    return feature_statistics(x)


def channel_statistics(x: np.ndarray, scale: float) -> Moments:
    """Mean and standard deviation of x / scale per channel, (C,) float32 each.

    The sums are exact integers, so the statistics and the fingerprint are equal on every machine. A
    constant channel gets deviation 1, so that normalised values are 0, not NaN.
    """
    n = x.size // x.shape[1]
    counts, values = np.zeros((x.shape[1], 256), np.int64), np.arange(256)
    for start in range(0, len(x), 4096):  # bincount turns each pixel into 8 bytes
        for c, channel in enumerate(np.moveaxis(x[start : start + 4096], 1, 0)):
            counts[c] += np.bincount(channel.ravel(), minlength=256)
    sums, squares = (counts @ values).tolist(), (counts @ values**2).tolist()
    mean = [s / n / scale for s in sums]
    variance = [(n * q - s * s) / n**2 for s, q in zip(sums, squares, strict=True)]
    std = [math.sqrt(v) / scale or 1.0 for v in variance]
    return np.array(mean, np.float32), np.array(std, np.float32)


def feature_statistics(x: np.ndarray) -> Moments:
    """Mean and standard deviation per feature, or per entry of axis 1, (F,) float32 each.

    In float64, where rounding depends on the machine, before the result is rounded to float32. A
    constant feature gets deviation 1: its spread is the rounding of its mean.
    """
    columns = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1).astype(np.float64)
    mean, std = columns.mean(axis=1), columns.std(axis=1)
    std[columns.min(axis=1) == columns.max(axis=1)] = 1
    return mean.astype(np.float32), std.astype(np.float32)
