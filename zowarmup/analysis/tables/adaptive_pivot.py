"""Table of fixed pivots and of rules that decide the pivot, with the regret of each."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import SPLIT, Cell, captioned

STUDY = "adaptive_pivot"
GROUP = [*SPLIT, "alpha"]
PAPER = 0.4  # the paper's pivot, as a part of all rounds
CAPTION = (
    "Adaptive pivot: final test accuracy by the round at which zeroth-order training starts, "
    "given or decided by a rule from what the clients measure along the warm-up; mean and standard "
    "deviation over n seeds. Pivot: mean, smallest and largest over the seeds. Regret: what the "
    "fixed pivot that is best on the mean of the other seeds gains over the row on a seed, mean "
    "over the seeds; the best pivot of each seed itself would be too high a bar, by chance alone. "
    "The difference is to the fixed pivot at two fifths of all rounds, the paper's. Both paired by "
    "seed, with 95 % t intervals (not corrected for the number of rows). Bytes are of one "
    "low-resource client, with the model that it downloads at each probe. Look for: a rule whose "
    "regret is near zero on every split and skew."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each pivot and rule, by data set, model, split and skew.

    Raises:
        MetricsError: the metrics hold no row of the study.
    """
    final = m.final_rows(m.of_study(metrics, STUDY))
    rows = []
    for _, group in final.groupby(GROUP, sort=False, dropna=False):
        for run in order(group):
            rows.append(_row(Cell(cells.select(group, run=run), group, metrics)))
    return captioned(rows, CAPTION)


def order(group: pd.DataFrame) -> list[str]:
    """Return the runs of a group: those with a fixed pivot by its round, then the others."""
    given = fixed(group).sort_values("pivot")["run"].unique()
    return list(dict.fromkeys([*given, *group["run"]]))


def fixed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of runs that decide nothing by probes."""
    return rows[rows[m.PROBED].isna() & rows["pivot"].notna()]


def regret(rows: pd.DataFrame, group: pd.DataFrame) -> statistics.Estimate:
    """Return how much the fixed pivot that is best on the other seeds gains, paired by seed."""
    every = fixed(group).pivot(index="seed", columns="pivot", values="test_accuracy").dropna()
    own, gains = m.by_seed(rows), []
    for seed in every.index.intersection(own.index):
        others = every.drop(index=seed).mean()
        if others.notna().any():
            gains.append(every.loc[seed, others.idxmax()] - own[seed])
    return statistics.mean_interval(gains)


def _row(cell: Cell) -> dict[str, Any]:
    lost, pivots = regret(cell.rows, cell.study), cell.rows["pivot"]
    middle = fixed(cell.study)
    middle = middle[middle["pivot"] == (PAPER * middle["rounds"]).round()]
    own = set(middle["run"]) == set(cell.rows["run"])
    return {
        **cell.first[GROUP],
        "label": cell.first["label"],
        "run": cell.first["run"],
        "rule": cell.first[m.RULE],
        "pivot_mean": pivots.mean(),
        "pivot_min": pivots.min(),
        "pivot_max": pivots.max(),
        "lr_mean": cell.rows["lr_2"].mean(),
        **cells.accuracy(cell.rows),
        "regret": lost.effect,
        "regret_low": lost.low,
        "regret_high": lost.high,
        **cells.difference(cell.rows, middle.head(0) if own else middle),
        "bytes_low_client": cells.low_client_bytes(cell.rows).mean(),
        **cells.diverged(cell),
        **cells.settings("estimator")(cell),
    }
