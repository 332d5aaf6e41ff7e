"""The verdicts as words: what a reader sees of them, before any format."""

from collections.abc import Iterator
from math import isnan
from typing import Any, NamedTuple

import pandas as pd

from zowarmup.analysis.claims.judge import VERDICTS

TITLE = "Claims of the paper"
NONE = "–"
HEADINGS = ("claim", "verdict", "effect [interval]", "n", "P/d", "in the paper")
NUMERIC = ("effect [interval]", "n", "P/d", *VERDICTS)
FORMS = {"ratio": ".2f", "points": "+.1f"}
USUAL_MEASURE = "test accuracy at the end"
USUAL = {"ratio": 1.0}  # thresholds that are not said in every line; else 0
LEAD = (
    "A claim is supported if its whole interval lies above the threshold (0 for a difference, 1 "
    "for a ratio, unless said), contradicted if it lies below, else inconclusive. A verdict holds "
    "for the data set, network and d that stand with it, and for no other."
)


class Line(NamedTuple):
    """One verdict: the claim, its name, what belongs below it, and the other cells in order."""

    text: str
    name: str
    below: str
    cells: tuple[str, ...]


def counts(verdicts: pd.DataFrame) -> dict[str, list[int]]:
    """How many verdicts of each kind there are, by heading and in total."""
    table = {about: _count(rows) for about, rows in verdicts.groupby("about", sort=False)}
    return {str(about): row for about, row in table.items()} | {"all": _count(verdicts)}


def _count(verdicts: pd.DataFrame) -> list[int]:
    return [int((verdicts["verdict"] == word).sum()) for word in VERDICTS]


def sections(verdicts: pd.DataFrame) -> Iterator[tuple[str, list[Line]]]:
    """(heading, lines of what has been run), without headings of which nothing has."""
    run = verdicts[verdicts["verdict"] != "not run"]
    for about, rows in run.groupby("about", sort=False):
        yield str(about), [_line(row) for row in rows.itertuples()]


def not_run(verdicts: pd.DataFrame) -> list[tuple[str, str, str]]:
    """(claim, its name, why) of what has not been run."""
    rows = verdicts[verdicts["verdict"] == "not run"]
    return [(str(row.text), str(row.claim), _why(row)) for row in rows.itertuples()]


def _why(row: Any) -> str:
    return f"{row.note} ({row.scale})" if row.scale else str(row.note)


def how(verdicts: pd.DataFrame) -> str:
    """How the verdicts came about: the level, the correction, and which file fixed them."""
    first = verdicts.iloc[0]
    return (
        "Runs are paired by seed; n is the number of seeds. Effects are of the final test "
        "accuracy, in percentage points, unless another measure is named. The intervals hold "
        f"together with 95 %: each has level {100 * first['level']:.2f} % (Bonferroni, "
        f"{first['n_claims']} verdicts; bytes are counted and need no interval). P/d is the "
        "number of directions of a round over the number of parameters, the largest of the runs "
        "compared: the smaller it is, the harder a zeroth-order step. The csv has p values and "
        "full precision too. "
        f"SHA-256 of the claims file: {first['claims_sha256']}."
    )


def _line(row: Any) -> Line:
    measure = "" if row.measure == USUAL_MEASURE else row.measure
    below = " · ".join(filter(None, [row.scale, measure, row.note]))
    p_over_d = _number(row.p_over_d, "#.3g")
    cells = (row.verdict, _effect(row), str(row.n), p_over_d, row.paper or NONE)
    return Line(row.text, row.claim, below, cells)


def _effect(row: Any) -> str:
    """Effect and interval with their unit, the sign always shown for differences."""
    if isnan(row.effect):
        return NONE
    form = FORMS.get(row.unit, "+#.3g")
    effect, low, high = (_number(value, form) for value in (row.effect, row.low, row.high))
    alone = f"ratio {effect}" if row.unit == "ratio" else f"{effect} {row.unit}"
    # Without chance both ends are the effect itself.
    ends = "" if isnan(row.low) or row.low == row.high else f" [{low}, {high}]"
    usual = row.threshold == USUAL.get(row.unit, 0.0)
    return alone + ends + ("" if usual else f", threshold {_number(row.threshold, 'g')}")


def _number(value: float, form: str) -> str:
    return NONE if isnan(value) else f"{value:{form}}".replace("-", "−")
