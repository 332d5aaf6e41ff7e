"""The groups of columns that several tables share. Accuracies are fractions, not per cent."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import stats

REFERENCE = "high_res_only"


def accuracy(cell: pd.DataFrame) -> dict[str, Any]:
    """Mean, standard deviation (n - 1 below) and number of the seeds of one cell."""
    values = m.by_seed(cell)
    return {
        "accuracy_mean": values.mean(),
        "accuracy_std": values.std(),
        "n": len(values),
    }


def difference(cell: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    """The paired difference to a reference with its 95 % interval; NaN where there is none."""
    estimate = stats.mean_interval(m.differences(m.by_seed(cell), m.by_seed(reference)))
    return {
        "difference": estimate.effect,
        "difference_low": estimate.low,
        "difference_high": estimate.high,
        "pairs": estimate.n,
    }


def costs(cell: pd.DataFrame) -> dict[str, Any]:
    """Bytes of all clients over the whole run (mean over seeds), and how many runs diverged."""
    return {
        "bytes_up": cell["bytes_up"].mean(),
        "bytes_down": cell["bytes_down"].mean(),
        "diverged": int(cell["diverged"].sum()),
    }


def only(cell: pd.DataFrame, column: str) -> str:
    """What the runs of a cell have in this column; several values are joined, never averaged."""
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in cell[column].unique())
