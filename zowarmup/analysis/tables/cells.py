"""The groups of columns that several tables share. Accuracies are fractions, not per cent."""

from collections.abc import Callable
from math import ceil
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables.table import SPLIT, Cell, Columns, only, select

REFERENCE = "high_res_only"
# Two runs of a study must agree in these for one to be the other's reference.
CONTEXT = [*SPLIT, "alpha", "clients", "width"]


def first(*columns: str) -> Columns:
    """The settings that the runs of a cell share."""
    return lambda cell: {column: cell.first[column] for column in columns}


def settings(*columns: str) -> Columns:
    """As text the settings in which the runs of a cell may differ."""
    return lambda cell: {column: only(cell.rows, column) for column in columns}


def mean(*columns: str) -> Columns:
    """Means over the rows of a cell."""
    return lambda cell: {column: cell.rows[column].mean() for column in columns}


def compared(reference: Callable[[Cell], pd.DataFrame]) -> Columns:
    """The columns of `accuracy`, and of `difference` to the rows that the function returns."""
    return lambda cell: accuracy(cell.rows) | difference(cell.rows, reference(cell))


def accuracy(rows: pd.DataFrame) -> dict[str, Any]:
    """Mean, standard deviation (n - 1 below) and number of the seeds of one cell."""
    values = m.by_seed(rows)
    return {"accuracy_mean": values.mean(), "accuracy_std": values.std(), "n": len(values)}


def difference(rows: pd.DataFrame, reference: pd.DataFrame, name: str = "") -> dict[str, Any]:
    """The difference to a reference, paired by seed, with its 95 % interval; NaN without one."""
    estimate = statistics.mean_interval(m.differences(m.by_seed(rows), m.by_seed(reference)))
    ends = {"difference": estimate.effect}
    ends |= {"difference_low": estimate.low, "difference_high": estimate.high}
    return {name + end: value for end, value in ends.items()} | {f"{name}pairs": estimate.n}


def in_study(*same: str, **chosen: Any) -> Callable[[Cell], pd.DataFrame]:
    """The reference on the same split that has the chosen values and equals the cell in `same`."""
    return lambda cell: cell.others(*SPLIT, *same, **chosen)


def in_main(method: str) -> Callable[[Cell], pd.DataFrame]:
    """The reference is a method of the study `main` on the same split, if the metrics have it."""

    def reference(cell: Cell) -> pd.DataFrame:
        rows = select(cell.metrics, study="main", method=method, **cell.first[list(SPLIT)])
        return m.final_rows(rows) if len(rows) else rows

    return reference


def low_client_bytes(rows: pd.DataFrame) -> pd.Series:
    """Bytes up and down of one low-resource client, per row; NaN without such clients."""
    low = rows["clients"] - rows["high_clients"]
    return (rows["bytes_up_low"] + rows["bytes_down_low"]) / low.where(low > 0)


def size(cell: Cell) -> dict[str, Any]:
    """d, and directions of a round per parameter; NaN for methods without directions."""
    directions, d = cell.first["directions"], cell.first["d"]
    return {"d": int(d), "p_over_d": directions / d if directions else float("nan")}


def diverged(cell: Cell) -> dict[str, Any]:
    """The number of runs that diverged."""
    return {"diverged": int(cell.rows["diverged"].sum())}


def costs(cell: Cell) -> dict[str, Any]:
    """Bytes over the whole run, mean over seeds, and the number of runs that diverged."""
    low = {"bytes_low_client": low_client_bytes(cell.rows).mean()}
    return {**mean("bytes_up", "bytes_down")(cell), **low, **diverged(cell)}


def steps(rows: pd.DataFrame) -> str:
    """The work of a client in a round of the last phase: "4 steps on 16 images"."""
    row = rows.iloc[0]
    number = 2 if row["algorithm_2"] else 1
    epochs, batch = row[f"epochs_{number}"], row[f"batch_{number}"]
    count = 1 if pd.isna(batch) else int(epochs) * ceil(row["images"] / batch)
    images = "all" if pd.isna(batch) or batch >= row["images"] else f"{batch:.0f}"
    kind = "FedKSeed, " if row[f"algorithm_{number}"] == "fedkseed" else ""
    return f"{kind}{count} step{'s' * (count > 1)} on {images} images"
