"""The skeleton of the tables: studies are cut into cells, and each cell gives a row of columns.

Below are the groups of columns that several tables share. Accuracies are fractions, not per cent.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics

REFERENCE = "high_res_only"
# The variants of the studies `server` and `distribution`, with their labels.
VARIANTS = {
    "one_step": "one step",
    "sgd": "FedAvg, then plain steps",
    "adam_phase1": "Adam in phase 1",
    "adam_phase2": "Adam in phase 2",
    "adam_both": "Adam in both",
    "reddi_phase1": "Adam (Reddi et al.) in phase 1",
    "reddi_phase2": "Adam (Reddi et al.) in phase 2",
    "reddi_both": "Adam (Reddi et al.) in both",
    "rademacher": "Rademacher",
    "gaussian_tau1_same_lr": "(a) Gaussian, unscaled",
    "gaussian_tau075_same_lr": "(b) Gaussian, same scale",
    "gaussian_own_lr": "(c) Gaussian, own learning rate",
}
SPLIT = ("dataset", "model", "split")
ORDER = {"method": m.METHODS, "variant": tuple(VARIANTS)}
DESCENDING = ("participation_1", "participation_2")  # full participation comes first
BACKWARD = 2  # a backward pass takes about as many operations as two forward passes
# A run and its reference must agree in these columns.
CONTEXT = [*SPLIT, "alpha", "clients", "width"]


@dataclass(frozen=True)
class Cell:
    """The runs behind one row of a table."""

    rows: pd.DataFrame  # one per seed, or all rounds where a table averages rounds
    study: pd.DataFrame  # such rows of all runs of the study
    metrics: pd.DataFrame  # all rows of all studies

    @property
    def first(self) -> pd.Series:
        """The first row, for the settings that all runs of the cell share."""
        return self.rows.iloc[0]

    def others(self, *same: str, **chosen: Any) -> pd.DataFrame:
        """Return the study's rows that equal the cell in the columns `same` and have these values.

        The result is empty if the cell has these values: a reference is not compared with itself.
        """
        if all(self.first[column] == value for column, value in chosen.items()):
            return self.study.head(0)
        return select(self.study, **{column: self.first[column] for column in same}, **chosen)


Columns = Callable[[Cell], Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table, defined by its settings; call it with the metrics to get the numbers."""

    studies: Mapping[str, tuple[str, ...]]  # study -> the columns that separate its rows
    keys: tuple[str, ...]  # the first columns: settings that all runs of a row share
    columns: tuple[Columns, ...]  # from left to right; last comes the estimator
    caption: str
    rows: Callable[[pd.DataFrame], pd.DataFrame] = m.final_rows  # picks rows of the studies

    def __call__(self, metrics: pd.DataFrame) -> pd.DataFrame:
        """Return a row per study, data set, model, split and value of the study's columns.

        Raises:
            MetricsError: the metrics hold no row of the studies.
        """
        rows = self.rows(m.of_study(metrics, *self.studies))
        groups = (first(*self.keys), *self.columns, settings("estimator"))
        return captioned(
            (
                {name: value for group in groups for name, value in group(cell).items()}
                for cell in cells(metrics, rows, self.studies)
            ),
            self.caption,
        )


def captioned(rows: Iterable[Mapping[str, Any]], caption: str) -> pd.DataFrame:
    """Return the rows as a DataFrame with the caption in its `attrs`."""
    result = pd.DataFrame(rows)
    result.attrs["caption"] = caption
    return result


def cells(
    metrics: pd.DataFrame, rows: pd.DataFrame, studies: Mapping[str, tuple[str, ...]]
) -> Iterator[Cell]:
    """Yield the cells of each study by data set and model, then split, then the study's columns."""
    for study, columns in studies.items():
        of_study = rows[rows["study"] == study]
        for _, _, group in m.by_split(of_study):
            for part in parts(group, *columns):
                yield Cell(part, of_study, metrics)


def parts(rows: pd.DataFrame, *columns: str) -> list[pd.DataFrame]:
    """Separate rows by the values of the columns; rows without a value are left out."""
    groups = [rows]
    for name in columns:
        groups = [select(g, **{name: value}) for g in groups for value in values(g, name)]
    return groups


def values(rows: pd.DataFrame, column: str) -> list[Any]:
    """Return the values that occur: methods and variants in their usual order, others sorted."""
    if column in ORDER:
        return m.known_first(rows[column], ORDER[column])
    return sorted(rows[column].dropna().unique(), reverse=column in DESCENDING)


def select(rows: pd.DataFrame, **chosen: Any) -> pd.DataFrame:
    """Return the rows that have all of these values; NaN, as alpha of given clients, equals NaN."""
    for column, value in chosen.items():
        rows = rows[rows[column].isna() if value != value else rows[column] == value]
    return rows


def only(rows: pd.DataFrame, column: str) -> str:
    """Return the value of all rows as text; different values are joined, never averaged."""
    every = rows[column].dropna().unique()
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in every)


def first(*columns: str) -> Columns:
    """Return columns with the settings that all runs of a cell share."""
    return lambda cell: dict(cell.first[list(columns)])


def settings(*columns: str) -> Columns:
    """Return columns with the settings in which the runs of a cell may differ, as text."""
    return lambda cell: {column: only(cell.rows, column) for column in columns}


def mean(*columns: str) -> Columns:
    """Return columns with means over the rows of a cell."""
    return lambda cell: {column: cell.rows[column].mean() for column in columns}


def compared(reference: Callable[[Cell], pd.DataFrame]) -> Columns:
    """Return the columns of `accuracy`, and of `difference` to the rows of `reference`."""
    return lambda cell: accuracy(cell.rows) | difference(cell.rows, reference(cell))


def accuracy(rows: pd.DataFrame) -> dict[str, Any]:
    """Return mean, standard deviation (divisor n - 1) and number of the seeds of one cell."""
    values = m.by_seed(rows)
    return {"accuracy_mean": values.mean(), "accuracy_std": values.std(), "n": len(values)}


def difference(rows: pd.DataFrame, reference: pd.DataFrame, name: str = "") -> dict[str, Any]:
    """Return the difference paired by seed with its 95 % interval; NaN if `reference` is empty."""
    estimate = statistics.mean_interval(m.differences(m.by_seed(rows), m.by_seed(reference)))
    return {
        f"{name}difference": estimate.effect,
        f"{name}difference_low": estimate.low,
        f"{name}difference_high": estimate.high,
        f"{name}pairs": estimate.n,
    }


def in_study(*same: str, **chosen: Any) -> Callable[[Cell], pd.DataFrame]:
    """Return a function for the reference: same split, `chosen` values, `same` as the cell."""
    return lambda cell: cell.others(*SPLIT, *same, **chosen)


def in_main(method: str) -> Callable[[Cell], pd.DataFrame]:
    """Return a function for the reference: a method of the study `main` on the same split."""
    return lambda cell: m.final_rows(
        select(cell.metrics, study="main", method=method, **cell.first[list(SPLIT)])
    )


def low_client_bytes(rows: pd.DataFrame) -> pd.Series:
    """Return all bytes of one low-resource client for each row; NaN if there is no such client."""
    low = rows["clients"] - rows["high_clients"]
    return (rows["bytes_up_low"] + rows["bytes_down_low"]) / low.where(low > 0)


def size(cell: Cell) -> dict[str, Any]:
    """Return d, and P/d, the directions of a round per parameter (NaN without directions)."""
    directions, d = cell.first["directions"], cell.first["d"]
    return {"d": int(d), "p_over_d": directions / d if directions else float("nan")}


def diverged(cell: Cell) -> dict[str, Any]:
    """Return the number of runs that diverged."""
    return {"diverged": int(cell.rows["diverged"].sum())}


def costs(cell: Cell) -> dict[str, Any]:
    """Return bytes over the whole run, as means over seeds, and the number of diverged runs."""
    low = low_client_bytes(cell.rows).mean()
    return {**mean("bytes_up", "bytes_down")(cell), "bytes_low_client": low, **diverged(cell)}


def converged(cell: Cell) -> dict[str, float]:
    """Return the mean accuracy over the seeds that did not diverge; NaN if all did, or none."""
    rest = cell.rows[~cell.rows["diverged"]]
    some = 0 < len(rest) < len(cell.rows)
    return {"accuracy_converged": m.by_seed(rest).mean() if some else float("nan")}


def at_equal_passes(cell: Cell) -> dict[str, float]:
    """Return the passes of all images, and the accuracy after as many as ZOWarmUp takes in all.

    A method that takes fewer counts with its last accuracy; NaN without ZOWarmUp on the split.
    """
    spent = {"passes": passes(cell.rows).mean(), "accuracy_equal_passes": float("nan")}
    warmed = select(cell.study, method="zowarmup", **cell.first[list(SPLIT)])
    if warmed.empty:
        return spent
    history = cell.metrics.merge(cell.rows[m.RUN], on=m.RUN)
    within = m.final_rows(history[passes(history) <= passes(warmed).max()])
    return spent | {"accuracy_equal_passes": m.by_seed(within).mean()}


def passes(rows: pd.DataFrame) -> pd.Series:
    """Return the forward passes of one image that a row's training has cost up to its round."""
    return rows["forward_passes"] + BACKWARD * rows["backward_passes"]


def steps(rows: pd.DataFrame) -> str:
    """Describe a client's work in a round of the last phase: "4 steps on 16 images"."""
    row = rows.iloc[0]
    number = 2 if row["algorithm_2"] else 1
    epochs, batch = row[f"epochs_{number}"], row[f"batch_{number}"]
    count = 1 if pd.isna(batch) else int(epochs) * ceil(row["images"] / batch)
    images = "all" if pd.isna(batch) or batch >= row["images"] else f"{batch:.0f}"
    kind = "FedKSeed, " if row[f"algorithm_{number}"] == "fedkseed" else ""
    return f"{kind}{count} step{'s' * (count > 1)} on {images} images"
