"""Write the verdicts to files: csv with full precision, markdown and HTML for readers."""

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from zowarmup.analysis import csv_file, markup
from zowarmup.analysis.claims.judge import VERDICTS
from zowarmup.analysis.template import render
from zowarmup.common.files import atomic_write_text

TEXT = (
    "claim", "verdict", "paper", "about", "text", "scale", "measure", "statistic", "unit", "note",
    "claims_sha256",
)  # fmt: skip
TITLE = "Claims of the paper"
NONE = "–"
COLUMNS = ("claim", "verdict", "effect [interval]", "n", "P/d", "in the paper")
NUMERIC = ("effect [interval]", "n", "P/d", *VERDICTS)
FORMATS_OF_UNITS = {"ratio": ".2f", "points": "+.1f"}  # others: three digits with a sign
USUAL_MEASURE = "test accuracy at the end"
LEAD = (
    "A claim is supported if its whole interval lies above the threshold (0 for a difference, 1 "
    "for a ratio, unless said), contradicted if it lies below, else inconclusive. A verdict holds "
    "for the data set, network and d that stand with it, and for no other."
)
METHOD = (
    "Runs are paired by seed; n is the number of seeds. Effects are of the final test accuracy, in "
    "percentage points, unless another measure is named. The intervals hold together with 95 %: "
    "each has level {level:.2f} % (Bonferroni, {n_claims} verdicts; bytes are counted and need no "
    "interval). P/d is the number of directions of a round over the number of parameters, the "
    "largest of the runs compared: the smaller it is, the harder a zeroth-order step. The csv has "
    "p values and full precision too. SHA-256 of the claims file: {sha256}."
)
Section = tuple[str, Sequence[str], list[list[Any]]]  # heading, columns, cells of each row


def read(path: str | Path) -> pd.DataFrame:
    """Return the verdicts of claims.csv; an empty text is "", an empty number NaN."""
    return csv_file.read(path, TEXT)


def write(verdicts: pd.DataFrame, paths: Iterable[str | Path]) -> None:
    """Write the verdicts to each path, in the format of its ending: .csv, .md or .html.

    Raises:
        ValueError: a path has another ending.
    """
    for path in paths:
        match Path(path).suffix:
            case ".csv":
                text = verdicts.to_csv(index=False, lineterminator="\n")
            case ".md":
                text = markdown(verdicts)
            case ".html":
                text = html(verdicts)
            case _:
                raise ValueError(f"{path}: the claims' name must end in one of .csv, .md, .html")
        atomic_write_text(path, text)


def markdown(verdicts: pd.DataFrame) -> str:
    """Return the verdicts as markdown, with a pipe table under each heading."""
    parts = [f"# {TITLE}", LEAD]
    for heading, columns, rows in _sections(verdicts):
        parts += [f"## {markup.markdown(heading)}"] if heading else []
        cells = [[markup.markdown(str(cell)) for cell in row] for row in rows]
        align = ["right" if column in NUMERIC else "left" for column in columns]
        parts.append(tabulate(cells, columns, "pipe", colalign=align, disable_numparse=True))
    return "\n\n".join([*parts, "## How the verdicts come about", _method(verdicts)]) + "\n"


def html(verdicts: pd.DataFrame) -> str:
    """Return one page that needs no other file; its colours only repeat what its words say."""
    texts = {"title": TITLE, "lead": LEAD, "method": _method(verdicts)}
    names = {"verdicts": VERDICTS, "numeric": NUMERIC}
    return render("claims.html", sections=_sections(verdicts), **texts, **names)


def counts(verdicts: pd.DataFrame) -> dict[str, list[int]]:
    """Return heading -> number of each verdict, in the order of VERDICTS; "all" has the sums."""
    table = pd.crosstab(verdicts["about"], verdicts["verdict"])
    table = table.reindex(index=verdicts["about"].unique(), columns=[*VERDICTS], fill_value=0)
    return {**table.T.to_dict("list"), "all": table.sum().tolist()}


def effect(row: Any) -> str:
    """Return a verdict's effect with unit and interval, and the threshold if it is unusual."""
    if isnan(row.effect):
        return NONE
    form = FORMATS_OF_UNITS.get(row.unit, "+#.3g")
    text, low, high = (_number(value, form) for value in (row.effect, row.low, row.high))
    text = f"ratio {text}" if row.unit == "ratio" else f"{text} {row.unit}"
    if not (isnan(row.low) or row.low == row.high):  # some counts do not vary
        text += f" [{low}, {high}]"
    usual = row.threshold == (1 if row.unit == "ratio" else 0)
    return text if usual else f"{text}, threshold {_number(row.threshold, 'g')}"


def _sections(verdicts: pd.DataFrame) -> list[Section]:
    """Return sections: the number of each verdict, the verdicts by heading, the claims not run."""
    tallies = [[about, *numbers] for about, numbers in counts(verdicts).items()]
    sections: list[Section] = [("", ("claims", *VERDICTS), tallies)]
    absent = verdicts["verdict"] == "not run"
    for about, rows in verdicts[~absent].groupby("about", sort=False):
        sections.append((str(about), COLUMNS, [_cells(row) for row in rows.itertuples()]))
    if absent.any():
        why = [[_named(row, row.scale), row.note] for row in verdicts[absent].itertuples()]
        sections.append(("Not run", ("claim", "why"), why))
    return sections


def _method(verdicts: pd.DataFrame) -> str:
    """Return a text on the level of the intervals, its correction and the claims file's hash."""
    level, n_claims, sha256 = verdicts[["level", "n_claims", "claims_sha256"]].iloc[0]
    return METHOD.format(level=100 * level, n_claims=n_claims, sha256=sha256)


def _number(value: float, form: str) -> str:
    return NONE if isnan(value) else f"{value:{form}}".replace("-", "−")


def _cells(row: Any) -> list[Any]:
    """Return the cells of one verdict, in the order of COLUMNS."""
    text = _named(row, row.scale, row.measure.replace(USUAL_MEASURE, ""), row.note)
    share = _number(row.p_over_d, "#.3g")
    return [text, row.verdict, effect(row), row.n, share, row.paper or NONE]


def _named(row: Any, *below: str) -> str:
    """Return the text of a claim; its name and the texts `below` follow in small print."""
    return f"{row.text}\n{' · '.join(filter(None, [row.claim, *below]))}"
