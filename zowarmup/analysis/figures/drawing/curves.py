"""A measurement over training: the mean over seeds with a band of one standard deviation."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style


def mean_curve(rows: pd.DataFrame, column: str = "test_accuracy", smooth: int = 1) -> pd.DataFrame:
    """One cell by `round`: `mean` and `std` of a column over seeds, and whether a run `diverged`.

    A run that diverged stays at its last finite value, so that the mean is never one over
    survivors only. Each value becomes the mean over `smooth` rows of the run around it.

    Raises:
        MetricsError: two runs have the same seed, so the rows are not one cell of a study.
    """
    m.by_seed(m.last_rows(rows))
    finite = rows[column].where(np.isfinite(rows[column]))
    values = rows.assign(value=finite).pivot(index="round", columns="seed", values="value").ffill()
    values = values.rolling(smooth, min_periods=1, center=True).mean()
    curve = pd.DataFrame({"mean": values.mean(axis=1), "std": values.std(axis=1).fillna(0.0)})
    curve["diverged"] = rows.groupby("round")["diverged"].any()
    return curve.reset_index()


def draw(axes: Axes, curve: pd.DataFrame, x: str, look: style.Line, **kwargs: Any) -> None:
    """Band, mean, a marker at the end and a cross where a run diverged."""
    low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
    axes.fill_between(curve[x], low, high, color=look.color, alpha=0.18, lw=0)
    axes.plot(curve[x], curve["mean"], color=look.color, ls=look.linestyle, **kwargs)
    ends = curve.tail(1)
    axes.plot(ends[x], ends["mean"], color=look.color, marker=look.marker, clip_on=False)
    lost = curve[curve["diverged"]]
    axes.plot(lost[x], lost["mean"], color=look.color, **style.DIVERGED)
