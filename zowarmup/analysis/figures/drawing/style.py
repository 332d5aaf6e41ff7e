"""One look for all figures: for print at the size they have, for colour-blind eyes, and for grey.

Colours are Okabe and Ito's (2008). No two methods rely on colour alone: each has its own line
style and marker, and the colours are assigned so that their lightness differs too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import rc_context, rcParamsDefault
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis.figures.drawing import method_labels

# Okabe-Ito with CIELAB lightness: 0 black, 44 blue, 52 vermilion (55), 60 green, 62 purple,
# 68 sky (69), 70 orange (72), 90 yellow. Yellow is too light for lines on white.
BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, ORANGE = "#CC79A7", "#56B4E9", "#E69F00"
GREY, FAINT = "#6B6B6B", "#D9D9D9"
# Two of Paul Tol's (2021), both dark: 25 and 32.
INDIGO, WINE = "#332288", "#882255"

WIDTH = 7.0  # inches: the text width of a two-column page
COLUMNS = 3  # of panels in it
KEY, ROW = 0.6, 0.16  # inches of a legend: a handle, a row
SPLITS = "Panels by split: % of the clients that are high-resource / low-resource"

OF_THE_SESSION = ("backend", "backend_fallback", "interactive")  # and no matter of the figure
RC: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.05,
    "figure.constrained_layout.w_pad": 0.05,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs on every machine
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.titleweight": "bold",
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "xtick.minor.width": 0.4,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "legend.handlelength": 3.2,
    "axes.prop_cycle": cycler(color=[BLACK, BLUE, VERMILION, GREEN, PURPLE, SKY, ORANGE]),
}


@dataclass(frozen=True)
class Line:
    """How one method looks wherever it occurs."""

    color: str
    style: Any
    marker: str

    def kwargs(self) -> dict[str, Any]:
        """For `Axes.plot`."""
        return {"color": self.color, "linestyle": self.style, "marker": self.marker}


KNOWN = {
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
OTHERS = (
    Line(BLUE, (0, (3, 1, 1, 1, 1, 1)), "v"),
    Line(GREEN, (0, (2, 1)), "P"),
    Line(ORANGE, (0, (8, 2)), "X"),
    Line(PURPLE, (0, (1, 2)), "<"),
    Line(SKY, (0, (5, 1, 1, 1)), ">"),
    Line(WINE, (0, (3, 1)), "D"),
)


def lines(methods: list[str]) -> dict[str, Line]:
    """A look for each method; those of the main comparison have the same one in every figure."""
    taken = {KNOWN[m].color for m in methods if m in KNOWN}
    free = [line for line in OTHERS if line.color not in taken] or OTHERS
    others = [m for m in methods if m not in KNOWN]
    return {m: KNOWN.get(m) or free[others.index(m) % len(free)] for m in methods}


@contextmanager
def alone(settings: dict[str, Any]) -> Iterator[None]:
    """Within, matplotlib has its own defaults and these settings, none of the user's.

    A matplotlibrc, a style of the session or a locale would change the bytes of a figure, and TeX
    for all text ends in an error where TeX is missing.
    """
    own = {key: rcParamsDefault[key] for key in rcParamsDefault if key not in OF_THE_SESSION}
    with rc_context(own | settings):
        yield


def styled() -> Any:
    """Decorator of a function that draws: its artists get this style, nothing global changes."""
    return alone(RC)


def new(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no global state knows of."""
    return Figure(figsize=(width, height), layout="constrained")


def panels(
    n: int, height: float, columns: int = COLUMNS, **shared: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with n panels in rows of `columns`, each so many inches high."""
    across, rows = min(n, columns), -(-n // columns)
    drawing = new(min(WIDTH, 3.8 * across), 0.15 + height * rows)
    grid = list(drawing.subplots(rows, across, squeeze=False, **shared).flat)
    for spare in grid[n:]:
        spare.remove()
    return drawing, grid[:n]


def legend(drawing: Figure, handles: list[Line2D], title: str | None = None) -> None:
    """Above the panels, in as many columns as fit; the figure becomes higher by its rows."""
    inches = 0.9 * drawing.get_figwidth() - KEY
    texts = [method_labels.wrapped(str(handle.get_label()), inches) for handle in handles]
    fitting = [n for n in (4, 3, 2) if _legend_width(texts, n) < drawing.get_figwidth()]
    columns = max(fitting, default=1)
    rows = _legend_rows(texts, columns) + (title is not None)
    drawing.set_figheight(drawing.get_figheight() + ROW * rows)
    named = [method_labels.literal(text) for text in texts]
    made = drawing.legend(handles, named, loc="outside upper left", ncols=columns, title=title)
    made.set_alignment("left")


def _legend_width(texts: list[str], columns: int) -> float:
    """Inches, about: matplotlib fills one column after the other, the first ones being longer."""
    parts = np.array_split([method_labels.widest(text) for text in texts], columns)
    return sum(KEY + method_labels.CHARACTER * max(part, default=0) for part in parts)


def _legend_rows(texts: list[str], columns: int) -> int:
    """Of one line each, of the column that has the most."""
    parts = np.array_split([1 + text.count("\n") for text in texts], columns)
    return max(int(sum(part)) for part in parts)


def split_title(split: str) -> str:
    """What "10/90" says, for the title of a panel."""
    if "/" not in split:
        return f"tiers by the clients' {split}"
    return f"{split}: {split.split('/')[0]} % of the clients are high-resource"


def accuracy_label(
    axes: Axes, scale: tuple[str, str], scales: list[tuple[str, str]], text: str
) -> None:
    """Label the y axis; where a figure shows several data sets or networks, also with which."""
    axes.set_ylabel(text + f"\n{', '.join(scale)}" * (len(scales) > 1))


def side_by_side(n: int, width: float) -> np.ndarray:
    """(n,) places around nought, so that equal values do not hide each other."""
    return np.linspace(-width / 2, width / 2, n) if n > 1 else np.zeros(n)


def seeds(axes: Axes, x: np.ndarray, values: pd.Series, diverged: pd.Series, color: str) -> None:
    """One faint dot per seed, a cross for a run that diverged; x, values, diverged: per seed."""
    y, lost = values.to_numpy(), diverged.to_numpy(dtype=bool)
    axes.plot(x[~lost], y[~lost], color=color, **SEED)
    axes.plot(x[lost], y[lost], color=color, **DIVERGED)


def seed_handle(label: str = "one seed") -> Line2D:
    """The faint dot in a legend."""
    return Line2D([], [], color=BLACK, **SEED, label=label)


def diverged_handle(rows: pd.DataFrame) -> list[Line2D]:
    """The cross in a legend, if a run diverged."""
    handle = Line2D([], [], color=BLACK, **DIVERGED, label="diverged")
    return [handle] if rows["diverged"].any() else []


SEED = {"ls": "", "marker": "o", "ms": 3.2, "alpha": 0.4, "mew": 0}
DIVERGED = {"ls": "", "marker": "x", "ms": 6, "mew": 1.5}
