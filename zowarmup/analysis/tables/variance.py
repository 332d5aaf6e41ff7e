"""Table of the spread of final accuracy, split by the seed that varies."""

from typing import Any

import numpy as np
from scipy import stats

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import SPLIT, Cell, Table

# How variants of the study `variance` begin -> the seeds that vary in them; the others are pinned.
SOURCES = {
    "federation": "the federation",
    "initialisation": "initialisation and order of images",
    "directions": "directions",
    "all": "all three",
}
LEVEL = 0.95


def source(cell: Cell) -> dict[str, str]:
    """Return the variant, and in words which of its seeds vary."""
    variant = str(cell.first["variant"])
    start = next((start for start in SOURCES if variant.startswith(start)), "")
    return {"variant": variant, "source": SOURCES.get(start, variant)}


def spread(cell: Cell) -> dict[str, float]:
    """Return the standard deviation over seeds with its 95 % chi-square interval.

    The interval assumes normal values; it is NaN for fewer than two seeds or equal values.
    """
    values = m.by_seed(cell.rows)
    n, std = len(values), float(values.std())
    low = high = float("nan")
    if std > 0:
        ends = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], n - 1)
        low, high = map(float, std * np.sqrt((n - 1) / ends))
    return {"spread": std, "spread_low": low, "spread_high": high}


def accuracy(cell: Cell) -> dict[str, Any]:
    """Return the mean, the number of seeds and how many of their runs diverged."""
    every: dict[str, Any] = cells.accuracy(cell.rows) | cells.diverged(cell)
    return {"mean": every["accuracy_mean"], "n": every["n"], "diverged": every["diverged"]}


table = Table(
    {"variance": ("method", "variant")},
    (*SPLIT, "method", "label"),
    (source, spread, accuracy),
    "Variance: standard deviation of final test accuracy over n seeds, if one seed of a run varies "
    "and the others are pinned, and if all of them vary. The intervals are 95 % chi-square "
    "intervals, which assume normal values. The pinned seeds are one draw: other pins would give "
    "other spreads. Look for: whether the federation, the initialisation or the directions move a "
    "method most; the seed of the initialisation also draws the order of the clients' images.",
)
