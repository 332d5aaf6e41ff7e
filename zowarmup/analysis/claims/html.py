"""The verdicts as a page."""

from collections.abc import Sequence
from html import escape

import pandas as pd

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

STYLE = """<style>
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 0; }
main { max-width: 76rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
p { max-width: 80ch; margin: .5rem 0; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-top: 2px solid #333; border-bottom: 2px solid #333; }
thead th { border-bottom: 1px solid #333; vertical-align: bottom; font-weight: bold; }
th { text-align: left; }
th, td { padding: .35rem 1rem .35rem 0; vertical-align: top; font-weight: normal; }
tbody tr { border-top: 1px solid #ddd; }
.claims { width: 100%; table-layout: fixed; min-width: 60rem; }
.claims col:nth-child(1) { width: 41%; }
.claims col:nth-child(2) { width: 8.5rem; }
.claims col:nth-child(4) { width: 2.5rem; }
.claims col:nth-child(5) { width: 5.5rem; }
.claims col:nth-child(6) { width: 17%; }
.counts tbody tr:last-child { border-top: 1px solid #333; font-weight: bold; }
.counts tbody tr:last-child > * { font-weight: bold; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.verdict { font-weight: bold; padding: .1rem .5rem; border-radius: .3rem; white-space: nowrap; }
.supported { color: #0b4a24; background: #d9f0e1; }
.contradicted { color: #7d1111; background: #fbdedb; }
.inconclusive { color: #543f00; background: #fdeebf; }
.not-run { color: #333; background: #e8e8e8; }
.below, code { font-size: .85em; color: #4a4a4a; }
.below { overflow-wrap: anywhere; }
.interval, .counts th { white-space: nowrap; }
.zero { color: #767676; }
</style>"""


def html(verdicts: pd.DataFrame) -> str:
    """One page that needs no other file; verdicts are told by word, and by colour besides."""
    parts = [_table(about, lines) for about, lines in sections(verdicts)]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n{STYLE}\n</head>\n<body>\n<main>\n<h1>{TITLE}</h1>\n"
        f"<p>{escape(LEAD)}</p>\n{_counts(verdicts)}\n{''.join(parts)}{_not_run(verdicts)}"
        f"<h2>How the verdicts come about</h2>\n<p>{escape(how(verdicts))}</p>\n"
        "</main>\n</body>\n</html>\n"
    )


def _counts(verdicts: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col" class="number">{_badge(word)}</th>' for word in VERDICTS)
    body = "\n".join(
        f'<tr><th scope="row">{escape(about)}</th>{"".join(map(_count, row))}</tr>'
        for about, row in counts(verdicts).items()
    )
    return _wide(
        "verdicts by heading",
        f'<table class="counts">\n<thead>\n<tr><th scope="col">claims</th>{head}</tr>\n</thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table>",
    )


def _count(number: int) -> str:
    return f'<td class="number{"" if number else " zero"}">{number}</td>'


def _badge(word: str) -> str:
    return f'<span class="verdict {word.replace(" ", "-")}">{word}</span>'


def _table(about: str, lines: Sequence[Line]) -> str:
    head = "".join(f'<th scope="col"{_class(h)}>{escape(h)}</th>' for h in HEADINGS)
    return f"<h2>{escape(about)}</h2>\n" + _wide(
        about,
        f'<table class="claims">\n<colgroup>{"<col>" * len(HEADINGS)}</colgroup>\n'
        f"<thead>\n<tr>{head}</tr>\n</thead>\n<tbody>\n"
        f"{''.join(map(_line, lines))}</tbody>\n</table>",
    )


def _line(line: Line) -> str:
    verdict, *rest = line.cells
    cells = zip(HEADINGS[2:], rest, strict=True)
    return (
        f'<tr><th scope="row">{escape(line.text)}<br>'
        f'<code>{escape(line.name)}</code><span class="below"> · {escape(line.below)}</span></th>'
        f"<td>{_badge(verdict)}</td>"
        + "".join(f"<td{_class(heading)}>{_unbroken(cell)}</td>" for heading, cell in cells)
        + "</tr>\n"
    )


def _unbroken(cell: str) -> str:
    """The text with its interval, if any, on one line."""
    before, bracket, rest = escape(cell).partition("[")
    interval, end, after = rest.partition("]")
    if not bracket:
        return before
    return f'{before}<span class="interval">{bracket}{interval}{end}</span>{after}'


def _not_run(verdicts: pd.DataFrame) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(text)} <code>{escape(name)}</code></th>'
        f'<td class="below">{escape(why)}</td></tr>\n'
        for text, name, why in not_run(verdicts)
    )
    if not rows:
        return ""
    table = f"<table>\n<tbody>\n{rows}</tbody>\n</table>"
    return f"<h2>Not run</h2>\n{_wide('not run', table)}\n"


def _wide(name: str, table: str) -> str:
    """A table that scrolls alone where the screen is narrow."""
    return (
        f'<div class="wide" role="region" aria-label="{escape(name)}" tabindex="0">\n'
        f"{table}\n</div>\n"
    )


def _class(heading: str) -> str:
    return ' class="number"' if heading in NUMERIC else ""
