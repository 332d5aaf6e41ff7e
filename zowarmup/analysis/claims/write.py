"""Write the verdicts to files: csv with full precision, markdown and HTML for readers."""

from collections.abc import Iterable, Sequence
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from zowarmup.analysis import csv_file, markup
from zowarmup.analysis.claims.decide import APART, VERDICTS
from zowarmup.analysis.claims.schema import LEAST, TESTED
from zowarmup.analysis.claims.words import CUT, NONE, effect, p_value
from zowarmup.analysis.template import render
from zowarmup.common.files import atomic_write_text

TEXT = (
    "claim", "verdict", "kind", "family", "about", "text", "scale", "measure", "statistic", "unit",
    "paper", "note", "claims_sha256",
)  # fmt: skip
TITLE = "Claims of the paper"
COLUMNS = (
    "claim", "verdict", "effect [95 %]", "n", "adjusted p", "seeds needed", "in the paper",
)  # fmt: skip
NUMERIC = ("effect [95 %]", "n", "adjusted p", "seeds needed", *VERDICTS)
USUAL_MEASURE = "test accuracy at the end"
LEAD = (
    "A claim of a difference is supported if its adjusted p is below 0.05 in the claimed "
    "direction, and contradicted if it is in the other. If the effect is shown to lie inside of "
    "the margin, a difference reads negligible, and without one the verdict is no difference. "
    "All else is inconclusive. A claim of no difference is supported if the effect is shown to lie "
    "inside of the margin. A verdict holds for the data set, network and d that stand with it, and "
    "for no other."
)
METHOD = (
    "Runs are paired by seed; n is the number of seeds, and fewer than {least}, or than the claim "
    "asks for, give no verdict. Effects are of the final test accuracy, in percentage points, "
    "unless another measure is named. Intervals are plain ones of 95 %, each on its own; {cut} "
    "marks one that is cut at the smallest or largest possible effect. Verdicts come from p "
    "values: two-sided, against 0 for a difference and 1 for a ratio, unless a threshold is named, "
    "and adjusted by Holm within the claims of one heading. That an effect is inside of its margin "
    "is shown by two one-sided tests, adjusted by Holm on their own. Seeds needed are those that "
    "would decide an inconclusive claim, for a difference or for none, with 80 % power if effect "
    "and spread stayed, up to 1000; a verdict that other CPU kernels changed has no such number. "
    "Formulas and observations of ours have no test and count apart. The csv has full precision "
    "and the distance of p from 0.05. SHA-256 of the claims file: {sha256}."
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
    names = {"verdicts": (*VERDICTS, *APART), "numeric": NUMERIC}
    return render("claims.html", sections=_sections(verdicts), **texts, **names)


def counts(verdicts: pd.DataFrame) -> dict[str, list[int]]:
    """Return heading -> number of each verdict, in the order of VERDICTS; "all" has the sums.

    Formulas and observations do not count.
    """
    tested = verdicts[verdicts["kind"].isin(TESTED)]
    table = pd.crosstab(tested["about"], tested["verdict"])
    table = table.reindex(index=tested["about"].unique(), columns=[*VERDICTS], fill_value=0)
    return {**table.T.to_dict("list"), "all": table.sum().tolist()}


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
    """Return a text on tests, intervals and the hash of the claims file."""
    return METHOD.format(least=LEAST, cut=CUT, sha256=verdicts["claims_sha256"].iloc[0])


def _cells(row: Any) -> list[Any]:
    """Return the cells of one verdict, in the order of COLUMNS."""
    text = _named(row, row.scale, row.measure.replace(USUAL_MEASURE, ""), row.note)
    p = row.p_equal_adjusted if row.kind == "no_difference" else row.p_adjusted
    needed = NONE if isnan(row.seeds_needed) else f"{row.seeds_needed:.0f}"
    return [text, row.verdict, effect(row), row.n, p_value(p), needed, row.paper or NONE]


def _named(row: Any, *below: str) -> str:
    """Return the text of a claim; its name and the texts `below` follow in small print."""
    return f"{row.text}\n{' · '.join(filter(None, [row.claim, *below]))}"
