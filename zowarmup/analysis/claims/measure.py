"""What a claim can compare: one number per run, at its end or over its second phase."""

from dataclasses import dataclass
from math import log
from typing import Literal

import numpy as np
import pandas as pd

from zowarmup.analysis import metrics as m

# A loss counts as at most this many times that of guessing, from where on a run has diverged: the
# size of what comes after says nothing, and it may not be a number.
WORST_LOSS = 10.0


@dataclass(frozen=True)
class Measure:
    """Columns of metrics.csv, added up.

    Attributes:
        words: what a reader calls it.
        unit: of a difference.
        factor: from the columns' unit to this one.
    """

    columns: tuple[str, ...]
    words: str
    unit: str
    factor: float = 1.0


MeasureName = Literal[
    "test_accuracy", "missing_recall", "test_loss", "train_loss", "drift", "gradient_cosine",
    "bytes_low", "bytes",
]  # fmt: skip
MEASURES: dict[MeasureName, Measure] = {
    "test_accuracy": Measure(("test_accuracy",), "test accuracy", "points", 100),
    "missing_recall": Measure(
        ("missing_recall",), "recall on the classes that high-resource clients lack", "points", 100
    ),
    "test_loss": Measure(("test_loss",), "test loss", "nats"),
    "train_loss": Measure(("train_loss",), "training loss of all clients", "nats"),
    "drift": Measure(("drift",), "distance of the clients' models from their mean", "distance"),
    "gradient_cosine": Measure(("gradient_cosine",), "cosine of step and gradient", "cosine"),
    "bytes_low": Measure(
        ("bytes_up_low", "bytes_down_low"), "bytes of the low-resource clients", "bytes"
    ),
    "bytes": Measure(("bytes_up", "bytes_down"), "bytes of all clients", "bytes"),
}
COUNTED: tuple[MeasureName, ...] = (
    "bytes_low",
    "bytes",
)  # follow from the settings; hardly anything varies with the seed
LOSSES = ("test_loss", "train_loss")


def values(rows: pd.DataFrame, measure: MeasureName, period: str) -> pd.DataFrame:
    """The last rows of the runs, with the number that a claim compares as `value`.

    A run without the number, e.g. without a second phase, has NaN there. `chance` is the accuracy
    of guessing, one over the number of classes.

    Args:
        rows: all rows of these runs.
        measure: of MEASURES.
        period: "end", the last row, or "phase_2", the mean over the rounds of the second phase.
    """
    final = m.final_rows(rows)
    classes = final["classes"]
    whole = rows if period == "phase_2" else final
    value = whole[list(MEASURES[measure].columns)].sum(axis=1, skipna=False)
    if measure in LOSSES:
        bound = WORST_LOSS * classes.map(log).max() if len(final) else 0.0
        value = value.where(np.isfinite(value), bound).clip(upper=bound)
    if period == "phase_2":
        value = _over_rounds(rows.assign(value=value), final)
    return final.assign(value=MEASURES[measure].factor * value, chance=100 / classes)


def _over_rounds(rows: pd.DataFrame, final: pd.DataFrame) -> pd.Series:
    """The mean of `value` over the rounds of phase 2, per run, with the index of its last row.

    A row stands for the rounds since the row before it, the last one also for those that a
    diverged run did not live to see.
    """
    rows = rows[rows["phase"] == 2].sort_values("round")
    rounds = rows.groupby(m.RUN, sort=False)["round"].diff()
    rounds = rounds.fillna(rows["round"] - rows["pivot"])
    left = (rows["rounds"] - rows["round"]).where(rows.index.isin(final.index), 0)
    weight = rounds + left
    keys = [rows[column] for column in m.RUN]
    area = (weight * rows["value"]).groupby(keys, sort=False).agg(lambda v: v.sum(skipna=False))
    mean = area / weight.groupby(keys, sort=False).sum()
    return pd.Series(mean.reindex(pd.MultiIndex.from_frame(final[m.RUN])).to_numpy(), final.index)
