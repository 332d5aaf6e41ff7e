"""Labels of methods in lines that fit, and the legend above the panels."""

import textwrap
import warnings
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis.figures.drawing import style

CHARACTER = 0.0545  # inches of a letter
KEY = 0.6  # inches of a line in the legend with the space around it
SPLITS = "Panels by split: % of the clients that are high-resource / low-resource"
INTERVAL, SPREAD = "mean, 95 % interval", "mean ± std"


def of_methods(rows: pd.DataFrame) -> dict[str, str]:
    """method -> its label."""
    return {str(k): str(label) for k, label in rows.groupby("method")["label"].first().items()}


def literal(text: str) -> str:
    """The text with escapes for matplotlib, which reads mathematics between two dollars."""
    return text.replace("$", r"\$").replace("\t", " ")  # fonts have no tab


def wrapped(text: str, inches: float) -> str:
    """The text in lines of about `inches` at most."""
    width = max(1, int(inches / CHARACTER))
    return "\n".join(
        line if len(line) <= width else textwrap.fill(line, width) for line in text.split("\n")
    )


def handles(
    looks: Mapping[Any, style.Line], labels: Mapping[Any, str], note: str = INTERVAL
) -> list[Line2D]:
    """A line of the legend for each look; `note` in the first explains markers, bars and bands."""
    lines = [Line2D([], [], **look.kwargs(), label=labels[name]) for name, look in looks.items()]
    lines[0].set_label(f"{lines[0].get_label()} ({note})")
    return lines


def seed_handle(label: str = "one seed") -> Line2D:
    """The faint dot in a legend."""
    return Line2D([], [], color=style.BLACK, **style.SEED, label=label)


def diverged_handle(rows: pd.DataFrame) -> list[Line2D]:
    """The cross in a legend, if a run diverged."""
    handle = Line2D([], [], color=style.BLACK, **style.DIVERGED, label="diverged")
    return [handle] if rows["diverged"].any() else []


def legend(figure: Figure, handles: list[Line2D], title: str | None = None) -> None:
    """Draw the legend in as many columns as fit above the panels; the figure grows by its height.

    Args:
        title: stands above it.
    """
    inches = 0.9 * figure.get_figwidth() - KEY
    texts = [literal(wrapped(str(handle.get_label()), inches)) for handle in handles]
    for columns in (4, 3, 2, 1):
        drawn = figure.legend(
            handles, texts, loc="outside upper left", ncols=columns, title=title, alignment="left"
        )
        with warnings.catch_warnings():  # the drawing warns again
            warnings.filterwarnings("ignore", style.MISSING_LETTER)
            box = drawn.get_window_extent()
        if columns == 1 or box.width < 0.93 * figure.bbox.width:  # hinting widens texts
            break
        drawn.remove()
    figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)
