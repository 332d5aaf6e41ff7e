"""One look for all figures: for print at the size they have, for colour-blind eyes, and for grey.

Colours are Okabe and Ito's (2008). No two methods rely on colour alone: each has its own line
style and marker, and the colours are assigned so that their lightness differs too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from cycler import cycler
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

# Okabe-Ito with CIELAB lightness: 0 black, 44 blue, 52 vermilion (55), 60 green, 62 purple,
# 68 sky (69), 70 orange (72), 90 yellow. Yellow is too light for lines on white.
BLACK, BLUE, VERMILION, GREEN = "#000000", "#0072B2", "#D55E00", "#009E73"
PURPLE, SKY, ORANGE = "#CC79A7", "#56B4E9", "#E69F00"
GREY, FAINT = "#6B6B6B", "#D9D9D9"

WIDTH = 7.0  # inches: the text width of a two-column page

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
}
OTHERS = (
    Line(BLUE, (0, (3, 1, 1, 1, 1, 1)), "v"),
    Line(GREEN, (0, (2, 1)), "P"),
    Line(ORANGE, (0, (8, 2)), "X"),
    Line(PURPLE, (0, (1, 2)), "<"),
)


def lines(methods: list[str]) -> dict[str, Line]:
    """A look for each method; those of the main comparison have the same one in every figure."""
    others = [m for m in methods if m not in KNOWN]
    return {m: KNOWN.get(m) or OTHERS[others.index(m) % len(OTHERS)] for m in methods}


def styled() -> Any:
    """Decorator of a function that draws: its artists get this style, nothing global changes."""
    return rc_context(RC)


def new(width: float, height: float) -> Figure:
    """An empty figure, in inches, that no global state knows of."""
    return Figure(figsize=(width, height), layout="constrained")


def split_title(split: str) -> str:
    """What "10/90" says, for the title of a panel."""
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
