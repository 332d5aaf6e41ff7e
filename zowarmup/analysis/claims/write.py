"""The verdicts as files: csv with full precision, markdown and HTML for readers."""

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
HEADINGS = ("claim", "verdict", "effect [interval]", "n", "P/d", "in the paper")
NUMERIC = ("effect [interval]", "n", "P/d", *VERDICTS)
FORMATS_OF_UNITS = {"ratio": ".2f", "points": "+.1f"}  # else three digits with their sign
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


def read(path: str | Path) -> pd.DataFrame:
    """The verdicts of claims.csv; empty texts are "", empty numbers NaN."""
    return csv_file.read(path, TEXT)


def write(verdicts: pd.DataFrame, paths: Iterable[str | Path]) -> None:
    """Writes the verdicts once per path, in the format that the path's ending names.

    Args:
        verdicts: as `judge` returns them.
        paths: ending in .csv, .md or .html.

    Raises:
        ValueError: a path has another ending.
    """
    for path in paths:
        if (form := FORMATS.get(Path(path).suffix)) is None:
            raise ValueError(f"{path}: the claims can end in {', '.join(FORMATS)}")
        atomic_write_text(path, form(verdicts))


def plain(verdicts: pd.DataFrame) -> str:
    """Comma-separated values; reading them back gives the same numbers."""
    return verdicts.to_csv(index=False, lineterminator="\n")


def markdown(verdicts: pd.DataFrame) -> str:
    """The number of verdicts of each kind, then a pipe table under each heading."""
    tallies = [[markup.markdown(about), *row] for about, row in counts(verdicts).items()]
    parts = [f"# {TITLE}", LEAD, _pipe_table(("claims", *VERDICTS), tallies)]
    sections, not_run = _lines(verdicts)
    for about, lines in sections.items():
        parts += [f"## {markup.markdown(about)}", _pipe_table(HEADINGS, map(_cells, lines))]
    if not_run:
        rows = [
            [f"{markup.markdown(r.text)} (`{r.claim}`)", markup.markdown(r.below)] for r in not_run
        ]
        parts += ["## Not run", _pipe_table(("claim", "why"), rows)]
    return "\n\n".join([*parts, "## How the verdicts come about", _method(verdicts)]) + "\n"


def html(verdicts: pd.DataFrame) -> str:
    """One page that needs no other file; words tell the verdicts, colours repeat them."""
    sections, not_run = _lines(verdicts)
    return render(
        "claims.html",
        title=TITLE,
        lead=LEAD,
        method=_method(verdicts),
        verdicts=VERDICTS,
        counts=counts(verdicts),
        headings=HEADINGS,
        numeric=NUMERIC,
        sections=sections,
        not_run=not_run,
    )


FORMATS = {".csv": plain, ".md": markdown, ".html": html}


def counts(verdicts: pd.DataFrame) -> dict[str, list[int]]:
    """Heading -> its number of verdicts of each kind, in the order of VERDICTS; "all" in total."""
    table = pd.crosstab(verdicts["about"], verdicts["verdict"])
    table = table.reindex(index=verdicts["about"].unique(), columns=[*VERDICTS], fill_value=0)
    return {**table.T.to_dict("list"), "all": table.sum().tolist()}


def effect(row: Any) -> tuple[str, str, str]:
    """The effect of a verdict with its unit, its interval, and its threshold if not the usual one.

    Args:
        row: of the verdicts, as `itertuples` gives it.
    """
    if isnan(row.effect):
        return NONE, "", ""
    form = FORMATS_OF_UNITS.get(row.unit, "+#.3g")
    middle, low, high = (_number(value, form) for value in (row.effect, row.low, row.high))
    with_unit = f"ratio {middle}" if row.unit == "ratio" else f"{middle} {row.unit}"
    # Counts that do not vary have both ends at the effect itself.
    interval = "" if isnan(row.low) or row.low == row.high else f" [{low}, {high}]"
    usual = row.threshold == (1 if row.unit == "ratio" else 0)
    return with_unit, interval, "" if usual else f", threshold {_number(row.threshold, 'g')}"


def _lines(verdicts: pd.DataFrame) -> tuple[dict[str, list[Any]], list[Any]]:
    """The verdicts by heading, without empty headings, and the claims whose runs do not exist.

    Each is a row with its texts for a reader: `below` for the small print, `effects`, `share`.
    """
    measure = verdicts["measure"].replace(USUAL_MEASURE, "")
    parts = zip(verdicts["scale"], measure, verdicts["note"], strict=True)
    lines = verdicts.assign(
        below=[" · ".join(filter(None, texts)) for texts in parts],
        effects=[effect(row) for row in verdicts.itertuples()],
        share=[_number(value, "#.3g") for value in verdicts["p_over_d"]],
    )
    lines["paper"] = lines["paper"].replace("", NONE)
    absent = lines["verdict"] == "not run"
    groups = lines[~absent].groupby("about", sort=False)
    sections = {str(about): list(rows.itertuples()) for about, rows in groups}
    scale = lines["scale"].map(lambda scale: f" ({scale})" if scale else "")
    return sections, list(lines[absent].assign(below=lines["note"] + scale).itertuples())


def _method(verdicts: pd.DataFrame) -> str:
    """The level of the intervals, its correction, and the hash of the claims file."""
    level, n_claims, sha256 = verdicts[["level", "n_claims", "claims_sha256"]].iloc[0]
    return METHOD.format(level=100 * level, n_claims=n_claims, sha256=sha256)


def _number(value: float, form: str) -> str:
    return NONE if isnan(value) else f"{value:{form}}".replace("-", "−")


def _cells(row: Any) -> list[Any]:
    """The cells of a row under HEADINGS."""
    text, below, effect, paper = map(
        markup.markdown, (row.text, row.below, "".join(row.effects), row.paper)
    )
    return [f"{text} (`{row.claim}` · {below})", row.verdict, effect, row.n, row.share, paper]


def _pipe_table(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    align = ["right" if heading in NUMERIC else "left" for heading in headings]
    return tabulate(rows, headings, tablefmt="pipe", colalign=align, disable_numparse=True)
