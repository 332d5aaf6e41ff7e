"""The style of all figures: legible in print at their own size, to colour-blind eyes and in grey.

Colours are Okabe and Ito's (2008). No two methods differ in colour alone: each has its own line
style and marker, and the lightness of the colours differs too.
"""

import itertools
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m

# Okabe-Ito with CIELAB lightness: 0 black, 44 blue, 52 vermilion (55), 60 green, 62 purple,
# 68 sky (69), 70 orange (72), 90 yellow. Yellow is too light for lines on white.
BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, ORANGE = "#CC79A7", "#56B4E9", "#E69F00"
GREY, FAINT = "#6B6B6B", "#D9D9D9"
# Two of Paul Tol's (2021), both dark: 25 and 32.
INDIGO, WINE = "#332288", "#882255"

MISSING_LETTER = r"Glyph \d+ .*missing from font"  # a warning; matplotlib draws a box
WIDTH = 7.0  # inches: the text width of a two-column page
COLUMNS = 3  # of panels in it

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
    """A look for each name; methods of the main comparison have the same one in every figure."""
    names = list(names)
    free = [look for method, look in METHODS.items() if method not in names]
    others = itertools.cycle(free or METHODS.values())
    return {name: METHODS[name] if name in METHODS else next(others) for name in names}


@contextmanager
def alone(settings: dict[str, Any]) -> Iterator[None]:
    """Inside, matplotlib has its own defaults and these settings, and no setting of the user.

    Those would change the bytes of a figure. Letters that the font lacks give no warning.
    """
    own = {key: rcParamsDefault[key] for key in rcParamsDefault if key not in OF_THE_SESSION}
    with rc_context(own | settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", MISSING_LETTER)
        yield


styled = alone(RC)  # decorates a function that draws: no global setting changes


def panels(
    n: int, height: float, columns: int = COLUMNS, width: float | None = None, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with n panels in rows of `columns`; `shared` as `Figure.subplots` takes it.

    The height is a panel's, in inches; without a width few panels make the figure narrow.
    """
    across, rows = min(n, columns), -(-n // columns)
    size = (width or min(WIDTH, 3.8 * across), 0.15 + height * rows)
    figure = Figure(figsize=size, layout="constrained")  # unlike pyplot's, in no global list
    grid = list(figure.subplots(rows, across, squeeze=False, **shared).flat)
    for spare in grid[n:]:
        spare.remove()
    return figure, grid[:n]


def title(
    axes: Axes,
    rows: pd.DataFrame,
    scale: tuple[str, str],
    split: str,
    more: str = "",
    **kwargs: Any,
) -> None:
    """Title a panel with its split; above stand data set and network if `rows` hold several."""
    above = f"{', '.join(scale)}\n" * (len(m.scales(rows)) > 1)
    axes.set_title(above + split + more, loc="left", **kwargs)


def side_by_side(n: int, width: float) -> np.ndarray:
    """(n,) positions around zero, so that equal values do not hide each other."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def seeds(axes: Axes, x: np.ndarray, y: np.ndarray, diverged: pd.Series, color: str) -> None:
    """One faint dot per seed, a cross for a run that diverged; x, y, diverged: per seed."""
    lost = diverged.to_numpy(dtype=bool)
    axes.plot(x[~lost], y[~lost], color=color, **SEED)
    axes.plot(x[lost], y[lost], color=color, **DIVERGED)


SEED = {"ls": "", "marker": "o", "ms": 3.2, "alpha": 0.4, "mew": 0}
DIVERGED = {"ls": "", "marker": "x", "ms": 6, "mew": 1.5}
