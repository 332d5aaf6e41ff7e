"""Table of the bits per byte of every cell of every study on text, before and after phase 2."""

from math import log
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import SPLIT, Cell
from zowarmup.analysis.tables.every_study import every_run, reference

CAPTION = (
    "Bits per byte (loss / ln 2) of text: mean and standard deviation over n seeds. The test text "
    "is that of clients that never train, and the ends of the other clients' texts; held-out text "
    "is the blocks of the training clients on which learning rates are selected. Change: from the "
    "pivot to the end, on test text. Difference: to High Res Only of the same study, split, data "
    "and network. Both are paired by seed, with 95 % t intervals (not corrected for the number of "
    "rows); negative is better. Next byte is the share of bytes of the test text that are "
    "predicted right. Uniform guessing takes log2 of the number of different tokens: 8 for bytes."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each run of each study, in the order of the config."""
    return cells.captioned(map(_row, every_run(metrics)), CAPTION)


def _row(cell: Cell) -> dict[str, Any]:
    bits, heldout = _bits(cell.rows), _bits(cell.rows, "heldout_loss")
    return {
        **cells.first("study", *SPLIT, "label", "run")(cell),
        **cells.settings("lr_1", "lr_2")(cell),
        "bits_mean": bits.mean(),
        "bits_std": bits.std(),
        "n": len(bits),
        "bits_heldout_mean": heldout.mean(),
        "bits_heldout_std": heldout.std(),
        **_paired("bits_change", bits, _bits(_at_pivot(cell))),
        **_paired("bits_difference", bits, _bits(reference(cell))),
        "next_byte": m.by_seed(cell.rows).mean(),
        **cells.diverged(cell),
        **cells.size(cell),
        **cells.settings("estimator")(cell),
    }


def _bits(rows: pd.DataFrame, column: str = "test_loss") -> pd.Series:
    return m.by_seed(rows, column) / log(2)


def _at_pivot(cell: Cell) -> pd.DataFrame:
    """The rows at the end of the first phase; none for a method of one phase."""
    history = cell.metrics.merge(cell.rows[m.RUN], on=m.RUN)
    return history[history["round"] == history["pivot"]]


def _paired(name: str, first: pd.Series, second: pd.Series) -> dict[str, float]:
    """The mean of first minus second with its 95 % interval; NaN if they have no seed in common."""
    estimate = statistics.mean_interval(m.differences(first, second))
    return {name: estimate.effect, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
