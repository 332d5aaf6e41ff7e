"""Write a table as csv with plain numbers, or as markdown, LaTeX (booktabs) or HTML for readers."""

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

import pandas as pd
from tabulate import LATEX_ESCAPE_RULES, tabulate

from zowarmup.analysis import markup
from zowarmup.analysis.tables.display import NONE, caption, display
from zowarmup.common.files import atomic_write_text

STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; color: #1b1b1b; background: #fff; margin: 2rem; }
table { border-collapse: collapse; border-top: 2px solid #333; border-bottom: 2px solid #333; }
caption { caption-side: top; text-align: left; max-width: 75ch; padding-bottom: 1rem; }
th { border-bottom: 1px solid #333; vertical-align: bottom; }
th, td { padding: .3rem .8rem .3rem 0; font-variant-numeric: tabular-nums; }
</style>"""
LATEX = {"±": r"$\pm$", "−": "$-$", NONE: "--", "→": r"$\to$"}


def write(table: pd.DataFrame, paths: Sequence[str | Path]) -> None:
    """Write the table to each path, in the format that the path's ending names.

    Raises:
        ValueError: an ending is not one of .csv, .md, .tex and .html.
    """
    for path in paths:
        form = FORMATS.get(Path(path).suffix)
        if form is None:
            raise ValueError(f"{path}: a table's name must end in one of {', '.join(FORMATS)}")
        atomic_write_text(path, form(table))


def plain(table: pd.DataFrame) -> str:
    """Return csv with ten digits, so that the last bits of a sum do not show."""
    return table.to_csv(index=False, float_format="%.10g", lineterminator="\n")


def markdown(table: pd.DataFrame) -> str:
    """Return a pipe table with its caption below."""
    return f"{_body(table, 'pipe', markup.markdown)}\n\n{caption(table)}\n"


def latex(table: pd.DataFrame) -> str:
    """Return a floating table over the full width of a page; it needs the package booktabs."""
    below = markup.latex_rows(caption(table).translate(str.maketrans(LATEX_ESCAPE_RULES)))
    rows = markup.latex_rows(_body(table, "latex_booktabs", lambda cell: cell.replace("\n", " ")))
    text = f"\\caption{{{below}}}\n\\centering\\footnotesize\n{rows}\n"
    for sign, command in LATEX.items():
        text = text.replace(sign, command)
    return f"\\begin{{table*}}\n{text}\\end{{table*}}\n"


def html(table: pd.DataFrame) -> str:
    """Return one page that needs no other file."""
    above = escape(caption(table))
    head = f'<meta charset="utf-8">\n<title>{above.partition(":")[0]}</title>\n{STYLE}'
    body = _body(table, "html").replace("<table>", f"<table>\n<caption>{above}</caption>", 1)
    page = f"<head>\n{head}\n</head>\n<body>\n{body}\n</body>"
    return f'<!doctype html>\n<html lang="en">\n{page}\n</html>\n'


def _body(table: pd.DataFrame, form: str, escaped: Callable[[str], str] = str) -> str:
    shown = display(table).map(escaped).astype(str)
    # Words are aligned left; numbers, even with an interval or a unit, right.
    words = [shown[c].str.contains("[A-Za-z]{3}|/").any() for c in shown.columns]
    align = ["left" if text else "right" for text in words]
    # Without disable_numparse tabulate would reformat "10/90" and "0.50".
    return tabulate(
        shown, list(shown), form, showindex=False, colalign=align, disable_numparse=True
    )


FORMATS = {".csv": plain, ".md": markdown, ".tex": latex, ".html": html}
