"""The verdicts as files: csv with full precision, markdown and HTML for readers."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from zowarmup.analysis import csv_file, markup
from zowarmup.analysis.claims.html import html
from zowarmup.analysis.claims.judge import VERDICTS
from zowarmup.analysis.claims.text import (
    HEADINGS,
    LEAD,
    NUMERIC,
    TITLE,
    Line,
    counts,
    how,
    not_run,
    sections,
)
from zowarmup.common.files import atomic_write_text

TEXT = (
    "claim", "verdict", "paper", "about", "text", "scale", "measure", "statistic", "unit", "note",
    "claims_sha256",
)  # fmt: skip


def read(path: str | Path) -> pd.DataFrame:
    """The verdicts of claims.csv; empty texts are "", empty numbers NaN."""
    return csv_file.read(path, TEXT)


def write(verdicts: pd.DataFrame, paths: Iterable[str | Path]) -> None:
    """Write the verdicts once per path, in the format that the path's ending names.

    Args:
        verdicts: as claims.judge returns them.
        paths: ending in .csv, .md or .html.

    Raises:
        ValueError: an ending is none of these.
    """
    for path in paths:
        form = FORMATS.get(Path(path).suffix)
        if form is None:
            raise ValueError(f"{path}: the claims can end in {', '.join(FORMATS)}")
        atomic_write_text(path, form(verdicts))


def plain(verdicts: pd.DataFrame) -> str:
    """Comma-separated values; reading them back gives the same numbers."""
    return verdicts.to_csv(index=False, lineterminator="\n")


def markdown(verdicts: pd.DataFrame) -> str:
    """How many there are of each verdict, then a pipe table under each heading."""
    tallied = [[markup.markdown(about), *map(str, row)] for about, row in counts(verdicts).items()]
    parts = [f"# {TITLE}", LEAD, _pipes(("claims", *VERDICTS), tallied)]
    for about, lines in sections(verdicts):
        parts += [
            f"## {markup.markdown(about)}",
            _pipes(HEADINGS, [_cells(line) for line in lines]),
        ]
    if absent := not_run(verdicts):
        rows = [
            [f"{markup.markdown(text)} (`{name}`)", markup.markdown(why)]
            for text, name, why in absent
        ]
        parts += ["## Not run", _pipes(("claim", "why"), rows)]
    return "\n\n".join([*parts, "## How the verdicts come about", how(verdicts)]) + "\n"


def _cells(line: Line) -> list[str]:
    text, below, *cells = map(markup.markdown, (line.text, line.below, *line.cells))
    return [f"{text} (`{line.name}` · {below})", *cells]


def _pipes(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    align = ["right" if heading in NUMERIC else "left" for heading in headings]
    return tabulate(rows, headings, tablefmt="pipe", colalign=align, disable_numparse=True)


FORMATS = {".csv": plain, ".md": markdown, ".html": html}
