"""The skeleton of the tables: studies are cut into cells, and each cell gives a row of columns."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m

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


@dataclass(frozen=True)
class Cell:
    """The runs behind one row of a table.

    Attributes:
        rows: their rows of the metrics, one per seed (all rounds where a table averages rounds).
        study: the same rows for all runs of the study.
        metrics: all rows of all studies.
    """

    rows: pd.DataFrame
    study: pd.DataFrame
    metrics: pd.DataFrame

    @property
    def first(self) -> pd.Series:
        """The first row, for the settings that all runs of the cell share."""
        return self.rows.iloc[0]

    def others(self, *same: str, **chosen: Any) -> pd.DataFrame:
        """The rows of the study that equal the cell in the columns `same` and have these values.

        Empty if the cell itself has them: the reference has no difference to itself, not zero.
        """
        if all(self.first[column] == value for column, value in chosen.items()):
            return self.study.head(0)
        return select(self.study, **{column: self.first[column] for column in same}, **chosen)


Columns = Callable[[Cell], Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table that its settings define; called with the metrics it returns the numbers.

    Attributes:
        studies: study -> the columns whose values separate its rows on one split.
        keys: the first columns, settings that all runs of a row share.
        columns: groups of columns, from left to right; last comes the estimator.
        caption: of the table.
        rows: picks the rows to summarise from the rows of the studies.
    """

    studies: Mapping[str, tuple[str, ...]]
    keys: tuple[str, ...]
    columns: tuple[Columns, ...]
    caption: str
    rows: Callable[[pd.DataFrame], pd.DataFrame] = m.final_rows

    def __call__(self, metrics: pd.DataFrame) -> pd.DataFrame:
        """One row per study, data set, model, split and value of the study's columns.

        Raises:
            MetricsError: the metrics hold no row of the studies.
        """
        rows = self.rows(m.of_study(metrics, *self.studies))
        return captioned(
            (self._row(cell) for cell in cells(metrics, rows, self.studies)), self.caption
        )

    def _row(self, cell: Cell) -> dict[str, Any]:
        row = dict(cell.first[list(self.keys)])
        for columns in self.columns:
            row |= columns(cell)
        return row | {"estimator": only(cell.rows, "estimator")}


def captioned(rows: Iterable[Mapping[str, Any]], caption: str) -> pd.DataFrame:
    """The rows as a DataFrame with the caption in its `attrs`."""
    result = pd.DataFrame(rows)
    result.attrs["caption"] = caption
    return result


def cells(
    metrics: pd.DataFrame, rows: pd.DataFrame, studies: Mapping[str, tuple[str, ...]]
) -> Iterator[Cell]:
    """The cells of each study: by data set and model, split, then the study's columns."""
    for study, columns in studies.items():
        of_study = rows[rows["study"] == study]
        for _, _, group in m.by_split(of_study):
            for part in parts(group, *columns):
                yield Cell(part, of_study, metrics)


def parts(rows: pd.DataFrame, *columns: str) -> Iterator[pd.DataFrame]:
    """The rows separated by the values of the columns; rows without a value are left out."""
    if not columns:
        yield rows
        return
    for value in values(rows, columns[0]):
        yield from parts(select(rows, **{columns[0]: value}), *columns[1:])


def values(rows: pd.DataFrame, column: str) -> list[Any]:
    """The values that occur: methods and variants in their usual order, others sorted."""
    if column in ORDER:
        return m.known_first(rows[column], ORDER[column])
    return sorted(rows[column].dropna().unique(), reverse=column in DESCENDING)


def select(rows: pd.DataFrame, **chosen: Any) -> pd.DataFrame:
    """The rows with these values."""
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    return rows


def only(rows: pd.DataFrame, column: str) -> str:
    """The value of all rows as text; several values are joined, never averaged."""
    every = rows[column].dropna().unique()
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in every)
