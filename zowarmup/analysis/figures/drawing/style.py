"""Style, panels, labels and legend of figures, legible in print, in grey and to colour-blind eyes.

Colours are Okabe and Ito's (2008). No two methods differ in colour alone: each has its own line
style and marker, and the lightness of the colours differs too.
"""

import itertools
import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import EngFormatter, Formatter, LogLocator

from zowarmup.analysis import metrics as m

# Okabe and Ito's colours without yellow (too light on white), and two of Paul Tol's (2021).
BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, ORANGE = "#CC79A7", "#56B4E9", "#E69F00"
GREY, FAINT = "#6B6B6B", "#D9D9D9"
INDIGO, WINE = "#332288", "#882255"

MISSING_LETTER = r"Glyph \d+ .*missing from font"  # a warning: matplotlib draws a box
ACCURACY = "final test accuracy, %"
WIDTH = 7.0  # inches: the text width of a two-column page
COLUMNS = 3  # of panels in this width
CHARACTER = 0.0545  # inches per letter
KEY = 0.6  # inches for a line in the legend and the space around it
SPLITS = "Panels by split: % of the clients that are high-resource / low-resource"
BYTES = EngFormatter("B")
INTERVAL, SPREAD = "mean, 95 % interval", "mean ± std"
SEED = {"ls": "", "marker": "o", "ms": 3.2, "alpha": 0.4, "mew": 0}
HALO = [withStroke(linewidth=2, foreground="white")]  # of a text above lines
DIVERGED = {"ls": "", "marker": "x", "ms": 6, "mew": 1.5}

OF_THE_SESSION = ("backend", "backend_fallback", "interactive")  # they change no figure
RC: dict[str, Any] = {
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E6E6E6",
    **{f"{axis}tick.labelsize": 7 for axis in "xy"},
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
}


class Line(NamedTuple):
    """The look of a method in every figure, as keywords of `Axes.plot`."""

    color: str
    linestyle: Any
    marker: str


METHODS = {
    "high_res_only": Line(BLACK, (0, (4, 1.5)), "s"),
    "zowarmup": Line(VERMILION, "-", "o"),
    "zowarmup_high_only": Line(SKY, (0, (1, 1)), "^"),
    "fedavg_all": Line(GREY, (0, (6, 1.5, 1, 1.5)), "D"),
    "zowarmup_local": Line(WINE, (0, (5, 1, 1, 1)), "v"),
    "zowarmup_adam": Line(INDIGO, (0, (3, 1)), "X"),
    "heterofl": Line(BLUE, (0, (8, 2)), "P"),
    "fedkseed_warm": Line(ORANGE, (0, (2, 1)), ">"),
    "fedkseed": Line(PURPLE, (0, (1, 2)), "<"),
    "zo_init": Line(GREEN, (0, (3, 1, 1, 1, 1, 1)), "p"),
}


def lines(names: Iterable[Any]) -> dict[Any, Line]:
    """Return name -> look; a method in METHODS has the same look in every figure."""
    names = list(names)
    free = [look for method, look in METHODS.items() if method not in names]
    others = itertools.cycle(free or METHODS.values())
    return {name: METHODS[name] if name in METHODS else next(others) for name in names}


@contextmanager
def alone(settings: dict[str, Any]) -> Iterator[None]:
    """Inside the context, matplotlib has its defaults and `settings`, and no setting of the user.

    User settings would change the bytes of a figure. Letters that the font lacks give no warning.
    """
    own = {key: rcParamsDefault[key] for key in rcParamsDefault if key not in OF_THE_SESSION}
    with rc_context(own | settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", MISSING_LETTER)
        yield


styled = alone(RC)  # decorates a function that draws; keeps global settings


def panels(
    n: int, height: float, columns: int = COLUMNS, width: float = 0, label: str = "", **shared: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure with n panels, `columns` per row; the first in a row has `label` at its left.

    `height` is that of a panel in inches. Without `width`, a figure of few panels is narrow.
    """
    across, rows = min(n, columns), -(-n // columns)
    size = (width or min(WIDTH, 3.8 * across), 0.15 + height * rows)
    figure = Figure(figsize=size, layout="constrained")  # not in pyplot's global list
    grid = list(figure.subplots(rows, across, squeeze=False, **shared).flat)
    for spare in grid[n:]:
        spare.remove()
    for left in grid[:n:across]:
        left.set_ylabel(label)
    return figure, grid[:n]


def title(
    axes: Axes, rows: pd.DataFrame, scale: tuple[str, str], split: str, more: str = ""
) -> None:
    """Title a panel with its split, and with data set and network above if `rows` hold several."""
    above = f"{', '.join(scale)}\n" * (len(m.scales(rows)) > 1)
    axes.set_title(above + split + more, loc="left")


def side_by_side(n: int, width: float) -> np.ndarray:
    """Return (n,) positions around zero, so that equal values do not hide each other."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def seeds(axes: Axes, x: np.ndarray, y: np.ndarray, diverged: pd.Series, color: str) -> None:
    """Draw a faint dot per seed, or a cross if the run diverged; arrays have a value per seed."""
    lost = diverged.to_numpy(dtype=bool)
    axes.plot(x[~lost], y[~lost], color=color, **SEED)
    axes.plot(x[lost], y[lost], color=color, **DIVERGED)


def of_methods(rows: pd.DataFrame) -> dict[str, str]:
    """Return method -> label."""
    return rows.groupby("method")["label"].first().to_dict()


def literal(text: str) -> str:
    """Escape the text for matplotlib, which reads mathematics between two dollar signs."""
    return text.replace("$", r"\$").replace("\t", " ")  # fonts have no tab


def wrapped(text: str, inches: float) -> str:
    """Break the text into lines of at most about `inches`."""
    width = max(1, int(inches / CHARACTER))
    return "\n".join(textwrap.fill(line, width) for line in text.split("\n"))


def handles(
    looks: Mapping[Any, Line], labels: Mapping[Any, str], note: str = INTERVAL
) -> list[Line2D]:
    """Return a legend line per look; in the first, `note` explains markers, bars and bands."""
    lines = [Line2D([], [], **look._asdict(), label=labels[name]) for name, look in looks.items()]
    lines[0].set_label(f"{lines[0].get_label()} ({note})")
    return lines


def seed_handle(label: str = "one seed") -> Line2D:
    """Return the legend line of the faint dots."""
    return Line2D([], [], color=BLACK, **SEED, label=label)


def legend(figure: Figure, rows: pd.DataFrame, handles: list[Line2D], more: str = "") -> None:
    """Draw the legend above the panels, in as many columns as fit; the figure grows to hold it.

    The legend explains the cross if a run diverged; `more` is added to the legend's title.
    """
    inches = 0.9 * figure.get_figwidth() - KEY
    if rows["diverged"].any():
        cross = Line2D([], [], color=BLACK, **DIVERGED, label="diverged")
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
    """Label a logarithmic axis at 1 of each decade; if it has few decades, also at 2 and 5."""
    low, high = axis.get_view_interval()
    if high < 20 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(form)
    axis.set_minor_formatter("")


def number(value: Any) -> str:
    """Return the label of a value on an axis; a text stays as it is."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if 1e4 <= value < math.inf else f"{value:g}".replace("inf", "∞")


def staggered(texts: Iterable[str]) -> list[str]:
    """Move every second label of an axis one line lower, so that neighbours do not touch."""
    return ["\n" * (i % 2) + text for i, text in enumerate(texts)]
