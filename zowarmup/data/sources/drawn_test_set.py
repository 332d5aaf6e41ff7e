"""A test set where the data have none: a share of each class, drawn at random."""

import numpy as np

from zowarmup.data.arrays import DataError
from zowarmup.data.draws import generator


def drawn(y: np.ndarray, share: float, name: str, where: str) -> np.ndarray:
    """Return which examples are for testing, (N,) bool: the share of each class, at least one.

    The draw is stratified, so that a rare class is in both parts, and its key is the name, the
    class and the number of examples of the class: each further example draws its class anew.

    Raises:
        DataError: a class has only one example.
    """
    held = np.zeros(len(y), bool)
    for c in np.unique(y):
        rows = np.flatnonzero(y == c)
        if len(rows) < 2:
            raise DataError(
                f"{where}: class {c} has only one example, which cannot both train and test; add "
                "examples of this class, or leave it out"
            )
        wanted = min(max(round(share * len(rows)), 1), len(rows) - 1)
        drawn = generator("test share", name, int(c), len(rows)).permutation(len(rows))
        held[rows[drawn[:wanted]]] = True
    return held
