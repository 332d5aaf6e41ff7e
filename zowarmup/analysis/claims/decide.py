"""Decide every claim: adjust the p values by Holm and put each verdict into a word."""

from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd

from zowarmup.analysis import statistics
from zowarmup.analysis.claims.schema import TESTED

LEVEL = 0.05  # of all verdicts of a family together
NEGLIGIBLE = "supported, negligible"
VERDICTS = (
    "supported", NEGLIGIBLE, "contradicted", "no difference", "inconclusive", "not run",
)  # fmt: skip
# The words of formulas and observations, which are not counted with the verdicts.
APART = ("holds", "does not hold", "observed")


def decide(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with adjusted p values, verdicts, and the distance of p from its threshold.

    The tests for a difference are adjusted within each family. The tests for no difference are
    adjusted apart from them, and those that only call a difference negligible apart again: they
    would take the power of the claims of no difference.
    """
    able = rows["kind"].isin(TESTED) & (rows["n"] >= rows["seeds_least"])
    family, own = rows["family"], rows["family"] + "/" + rows["kind"]
    table = rows.assign(
        p_adjusted=_holm(rows["p_value"].where(able), family),
        p_equal_adjusted=_holm(rows["p_equal"].where(able), own),
    )
    equality = table["kind"] == "no_difference"
    return table.assign(
        verdict=[_word(row) for row in table.itertuples()],
        distance=LEVEL - table["p_adjusted"].mask(equality, table["p_equal_adjusted"]),
        undecided=_undecided(table["p_adjusted"], family),
        undecided_equal=_undecided(table["p_equal_adjusted"], own),
    )


def seeds_needed(table: pd.DataFrame) -> list[float]:
    """Return for each inconclusive claim the seeds that would decide it, if the others stay.

    A claim of a difference is decided by either of its tests. NaN where a repeat changed the
    verdict: there the seeds did decide.
    """
    return [_seeds_needed(row) for row in table.itertuples()]


def _holm(p: pd.Series, groups: pd.Series) -> pd.Series:
    return p.groupby(groups).transform(statistics.holm)


def _undecided(adjusted: pd.Series, groups: pd.Series) -> pd.Series:
    """Return the number of tests of each group that decide nothing: Holm's factor of the next."""
    return (adjusted >= LEVEL).groupby(groups).transform("sum").clip(lower=1)


def _word(row: Any) -> str:
    """Return the verdict on one claim."""
    if not row.n:
        return "not run"
    if row.kind == "observation":
        return "observed"
    if row.kind == "formula":
        return "inconclusive" if isnan(row.low) else APART[not row.low > row.threshold]
    differs, equal = row.p_adjusted < LEVEL, row.p_equal_adjusted < LEVEL
    if row.kind == "no_difference":
        outside = row.low > row.margin_high or row.high < row.margin_low
        return "supported" if equal else "contradicted" if differs and outside else "inconclusive"
    if not differs:
        return "no difference" if equal else "inconclusive"
    if row.effect < row.threshold:
        return "contradicted"
    return NEGLIGIBLE if equal else "supported"


def _seeds_needed(row: Any) -> float:
    if not row.verdict == _word(row) == "inconclusive" or isnan(row.p_adjusted):
        return nan
    equal = statistics.seeds_needed(row.p_equal, row.n, LEVEL / row.undecided_equal, row.lost)
    if row.kind == "no_difference":
        return equal
    level = LEVEL / row.undecided / 2
    return float(np.fmin(equal, statistics.seeds_needed(row.p_value / 2, row.n, level, row.lost)))
