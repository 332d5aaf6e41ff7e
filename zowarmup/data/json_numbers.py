"""Numbers as a JSON file must hold them for us to compute with."""

import numpy as np


def integers(values: list[int]) -> np.ndarray:
    """A list of integers, (n,) int64.

    Raises:
        ValueError: it is something else.
    """
    array = np.array(values, dtype=None if values else np.int64)
    if array.dtype != np.int64 or array.ndim != 1:
        raise ValueError("a list of integers is something else")
    return array


def fraction(value: float) -> float:
    """A share of a whole, 0 <= value < 1.

    Raises:
        ValueError: it is something else.
    """
    if type(value) is not float or not 0 <= value < 1:
        raise ValueError("the held-out share is no fraction")
    return value


def budgets(values: list[float] | None) -> tuple[float, ...] | None:
    """Megabytes of each client, None if nothing is known.

    Raises:
        ValueError: one of them is no positive number.
    """
    if values is None:
        return None
    if not all(isinstance(v, float) and 0 < v < float("inf") for v in values):
        raise ValueError("a memory budget is no number of megabytes above 0")
    return tuple(values)
