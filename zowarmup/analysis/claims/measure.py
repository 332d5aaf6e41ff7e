"""The measures of a claim: one number per run, at its end or over its second phase."""

from math import log, nan
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from zowarmup.analysis import metrics as m

# A loss counts as at most this many times that of guessing. A diverged run has a larger one, or one
# that is not a number; its size says nothing.
WORST_LOSS = 10.0


class Measure(NamedTuple):
    """Columns of metrics.csv, added up: their name for readers, and the unit of a difference."""

    words: str
    unit: str
    columns: tuple[str, ...]


MeasureName = Literal[
    "test_accuracy", "missing_recall", "test_loss", "train_loss", "drift", "gradient_cosine",
    "bytes_low", "bytes",
]  # fmt: skip
MISSING = "recall on the classes that high-resource clients lack"
DRIFT = "distance of the clients' models from their mean"
LOW = "bytes of the low-resource clients"
MEASURES: dict[MeasureName, Measure] = {
    "test_accuracy": Measure("test accuracy", "points", ("test_accuracy",)),
    "missing_recall": Measure(MISSING, "points", ("missing_recall",)),
    "test_loss": Measure("test loss", "nats", ("test_loss",)),
    "train_loss": Measure("training loss of all clients", "nats", ("train_loss",)),
    "drift": Measure(DRIFT, "distance", ("drift",)),
    "gradient_cosine": Measure("cosine of step and gradient", "cosine", ("gradient_cosine",)),
    "bytes_low": Measure(LOW, "bytes", ("bytes_up_low", "bytes_down_low")),
    "bytes": Measure("bytes of all clients", "bytes", ("bytes_up", "bytes_down")),
}
# They follow from the settings; hardly anything in them varies with the seed.
COUNTED: tuple[MeasureName, ...] = ("bytes_low", "bytes")


def values(rows: pd.DataFrame, measure: MeasureName, period: str) -> pd.DataFrame:
    """The last rows of the runs, with the number that a claim compares as `value`.

    It is that of the last row, or for "phase_2" the mean over the rounds of the second phase; NaN
    without such a phase. `chance` is the accuracy of guessing in per cent.
    """
    final = m.final_rows(rows)
    _, unit, columns = MEASURES[measure]
    value = (rows if period == "phase_2" else final)[list(columns)].sum(axis=1, skipna=False)
    if unit == "nats":
        bound = WORST_LOSS * log(final["classes"].max())
        value = value.where(np.isfinite(value), bound).clip(upper=bound)
    if period == "phase_2":
        means = _means_over_phase_2(rows.assign(value=value))
        value = [means.get(run, nan) for run in final[m.RUN].itertuples(index=False, name=None)]
    factor = 100 if unit == "points" else 1  # from fractions
    return final.assign(value=factor * np.asarray(value), chance=100 / final["classes"])


def _means_over_phase_2(rows: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """Run -> mean of `value` over the rounds of phase 2.

    A row stands for the rounds since the row before it. The last row of a diverged run stands for
    the rest of the phase too.
    """
    rows = rows[rows["phase"] == 2].sort_values("round")
    before = rows.groupby(m.RUN)["round"].shift().fillna(rows["pivot"])
    until = rows["round"].where(rows.duplicated(m.RUN, keep="last"), rows["rounds"])
    weighted = rows.assign(weight=until - before).groupby(m.RUN)
    return {run: np.average(one["value"], weights=one["weight"]) for run, one in weighted}
