"""Labels of methods in lines that fit, of values on an axis, and the legend above the panels."""

import math
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, Formatter, LogLocator

from zowarmup.analysis.figures.drawing import style

CHARACTER = 0.0545  # inches of a letter
KEY = 0.6  # inches of a line in the legend with the space around it
SPLITS = "Panels by split: % of the clients that are high-resource / low-resource"
BYTES = EngFormatter("B")
INTERVAL, SPREAD = "mean, 95 % interval", "mean ± std"


def of_methods(rows: pd.DataFrame) -> dict[str, str]:
    """method -> its label."""
    return rows.groupby("method")["label"].first().to_dict()


def literal(text: str) -> str:
    """The text with escapes for matplotlib, which reads mathematics between two dollars."""
    return text.replace("$", r"\$").replace("\t", " ")  # fonts have no tab


def wrapped(text: str, inches: float) -> str:
    """The text in lines of about `inches` at most."""
    width = max(1, int(inches / CHARACTER))
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def handles(
    looks: Mapping[Any, style.Line], labels: Mapping[Any, str], note: str = INTERVAL
) -> list[Line2D]:
    """A line of the legend for each look; `note` in the first explains markers, bars and bands."""
    lines = [Line2D([], [], **look._asdict(), label=labels[name]) for name, look in looks.items()]
    lines[0].set_label(f"{lines[0].get_label()} ({note})")
    return lines


def seed_handle(label: str = "one seed") -> Line2D:
    """The faint dot in a legend."""
    return Line2D([], [], color=style.BLACK, **style.SEED, label=label)


def legend(figure: Figure, rows: pd.DataFrame, handles: list[Line2D], more: str = "") -> None:
    """Draw the legend in as many columns as fit above the panels; the figure grows by its height.

    It explains the cross if one of the rows diverged; `more` ends its title.
    """
    inches = 0.9 * figure.get_figwidth() - KEY
    if rows["diverged"].any():
        cross = Line2D([], [], color=style.BLACK, **style.DIVERGED, label="diverged")
        handles = [*handles, cross]
    texts = [literal(wrapped(str(handle.get_label()), inches)) for handle in handles]
    title = wrapped(SPLITS + more, inches + KEY)
    for columns in (4, 3, 2, 1):
        drawn = figure.legend(
            handles, texts, loc="outside upper left", ncols=columns, title=title, alignment="left"
        )
        box = drawn.get_window_extent()
        if columns == 1 or box.width < 0.93 * figure.bbox.width:  # hinting widens texts
            break
        drawn.remove()
    figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)


def decades(axis: Axis, form: str | Formatter = "{x:g}") -> None:
    """Label a logarithmic axis; one of few decades at 1, 2 and 5 of each, not at 1 alone."""
    low, high = axis.get_view_interval()
    if high < 20 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(form)
    axis.set_minor_formatter("")


def number(value: Any) -> str:
    """A value on an axis; texts stay as they are."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if 1e4 <= value < math.inf else f"{value:g}".replace("inf", "∞")


def staggered(texts: Iterable[str]) -> list[str]:
    """The labels of an axis, every second one a line lower, so that neighbours do not touch."""
    return ["\n" * (i % 2) + text for i, text in enumerate(texts)]
