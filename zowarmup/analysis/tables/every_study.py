"""Every cell of every study: also of studies and settings of the user's own."""

from collections.abc import Iterator

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import REFERENCE, SPLIT, Cell

CAPTION = (
    "Every study: final test accuracy of each of its cells, mean and standard deviation over n "
    "seeds. The name of a run holds the settings in which it differs from others. The difference "
    "is to High Res Only of the same study, split, data and network, where the study has one run "
    "of it: paired by seed, with its 95 % t interval (not corrected for the number of rows). A "
    "diverged run counts with its last accuracy."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run of each study, in the order of the config."""
    return cells.captioned(map(_row, every_run(metrics)), CAPTION)


def every_run(metrics: pd.DataFrame) -> Iterator[Cell]:
    """Yield a cell for each run of each study, in the order of the config."""
    final = m.final_rows(metrics)
    for study in final["study"].unique():
        own = cells.select(final, study=study)
        names = own[["run", "variant", "label"]].drop_duplicates()
        for name in names.to_dict("records"):
            yield Cell(cells.select(own, **name), own, metrics)


def reference(cell: Cell) -> pd.DataFrame:
    """The rows of High Res Only in a cell's study; none if the study has several runs of it."""
    rows = cells.in_study("alpha", "clients", "width", method=REFERENCE)(cell)
    return rows.head(0) if rows["seed"].duplicated().any() else rows  # none of them is meant


def _row(cell: Cell) -> dict[str, object]:
    return {
        **cells.first("study", *SPLIT, "label", "run")(cell),
        **cells.settings("lr_1", "lr_2")(cell),
        **cells.accuracy(cell.rows),
        **cells.difference(cell.rows, reference(cell)),
        **cells.diverged(cell),
        **cells.size(cell),
        **cells.settings("estimator")(cell),
    }
