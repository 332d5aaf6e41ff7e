"""The verdicts as csv with full precision, and as markdown and HTML for readers."""

from collections.abc import Iterable, Sequence
from html import escape
from math import isnan
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from zowarmup.settings.files import atomic_write_text

TITLE = "Claims of the paper"
NONE = "–"
HEADINGS = (
    "claim", "verdict", "effect [interval]", "threshold", "n", "P/d", "p", "in the paper", "note",
)  # fmt: skip
NUMERIC = ("effect [interval]", "threshold", "n", "P/d", "p")

STYLE = """<style>
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-top: 2px solid #333; border-bottom: 2px solid #333; }
caption { caption-side: top; text-align: left; max-width: 75ch; padding-bottom: 1rem; }
thead th { border-bottom: 1px solid #333; vertical-align: bottom; }
th { text-align: left; }
th, td { padding: .4rem .8rem .4rem 0; vertical-align: top; font-weight: normal; }
thead th { font-weight: bold; }
tbody th { min-width: 16rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.verdict { font-weight: bold; padding: .1rem .5rem; border-radius: .3rem; white-space: nowrap; }
.supported { color: #0b4a24; background: #d9f0e1; }
.contradicted { color: #7d1111; background: #fbdedb; }
.inconclusive { color: #543f00; background: #fdeebf; }
.not-run { color: #333; background: #e8e8e8; }
code { font-size: .85em; color: #444; }
tbody tr { border-top: 1px solid #ddd; }
</style>"""


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
    """A pipe table per scale, with what holds for all rows above."""
    parts = [f"# {TITLE}", caption(verdicts)]
    for scale, rows in verdicts.groupby("scale", sort=False):
        align = ["right" if heading in NUMERIC else "left" for heading in HEADINGS]
        cells = [[_pipe(text) for text in row] for row in _rows(rows)]
        table = tabulate(cells, HEADINGS, tablefmt="pipe", colalign=align, disable_numparse=True)
        parts += [f"## {scale}", table]
    return "\n\n".join(parts) + "\n"


def html(verdicts: pd.DataFrame) -> str:
    """One page that needs no other file; verdicts are told by word, and by colour besides."""
    tables = "\n".join(_table(str(s), v) for s, v in verdicts.groupby("scale", sort=False))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n{STYLE}\n</head>\n<body>\n<main>\n<h1>{TITLE}</h1>\n"
        f"<p>{escape(caption(verdicts))}</p>\n{tables}\n</main>\n</body>\n</html>\n"
    )


def caption(verdicts: pd.DataFrame) -> str:
    """How the verdicts came about: the level, the correction, and which file fixed them."""
    first = verdicts.iloc[0]
    return (
        "Final test accuracy, paired by seed; effects are percentage points or, where it says so, "
        "a ratio of standard deviations. A claim is supported if its whole interval lies above the "
        "threshold, contradicted if it lies below, else inconclusive. The intervals hold together "
        f"with 95 %: each has level {100 * first['level']:.2f} % (Bonferroni, {first['n_claims']} "
        "claims whose runs are there). p is two-sided against the threshold, not corrected. "
        "P/d is the number of directions of a round over the number of parameters: the smaller "
        "it is, the harder a zeroth-order step; a verdict holds for its scale alone. "
        f"SHA-256 of the claims file: {first['claims_sha256']}."
    )


def _rows(verdicts: pd.DataFrame) -> list[list[str]]:
    """The cells that a reader sees, in the order of HEADINGS."""
    return [
        [
            f"{v.text} ({v.claim})", v.verdict, _effect(v), f"{v.threshold:g}", str(v.n),
            _number(v.p_over_d, "#.3g"), _p(v.p_value), v.paper or NONE, v.note or NONE,
        ]
        for v in verdicts.itertuples()
    ]  # fmt: skip


def _effect(row: object) -> str:
    """Effect and interval with their unit, the sign always shown for differences."""
    effect, low, high, unit = (getattr(row, c) for c in ("effect", "low", "high", "unit"))
    form = ".2f" if unit == "ratio" else "+.1f"
    if isnan(effect):
        return NONE
    number = _number(effect, form)
    alone = f"ratio {number}" if unit == "ratio" else f"{number} {unit}"
    return alone if isnan(low) else f"{alone} [{_number(low, form)}, {_number(high, form)}]"


def _number(value: float, form: str) -> str:
    return NONE if isnan(value) else f"{value:{form}}".replace("-", "−")


def _p(value: float) -> str:
    """Below a thousandth the digits of a p value say nothing."""
    return "<0.001" if value < 0.001 else _number(value, ".3f")


def _pipe(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _table(scale: str, verdicts: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col"{_class(h)}>{escape(h)}</th>' for h in HEADINGS)
    body = "\n".join(
        _line(row, name, text)
        for row, name, text in zip(
            _rows(verdicts), verdicts["claim"], verdicts["text"], strict=True
        )
    )
    return (
        f'<div class="wide" role="region" aria-label="{escape(scale)}" tabindex="0">\n<table>\n'
        f"<caption><strong>{escape(scale)}</strong></caption>\n"
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>"
    )


def _line(cells: Sequence[str], name: str, text: str) -> str:
    verdict, rest = cells[1], zip(HEADINGS[2:], cells[2:], strict=True)
    return (
        f'<tr><th scope="row">{escape(text)}<br><code>{escape(name)}</code></th>'
        f'<td><span class="verdict {verdict.replace(" ", "-")}">{verdict}</span></td>'
        + "".join(f"<td{_class(heading)}>{escape(cell)}</td>" for heading, cell in rest)
        + "</tr>"
    )


def _class(heading: str) -> str:
    return ' class="number"' if heading in NUMERIC else ""


FORMATS = {".csv": plain, ".md": markdown, ".html": html}
