"""The bits per byte of test text over training, with the change from phase 1 to phase 2."""

from collections.abc import Sequence
from math import log

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.curves import PIVOT, draw, mean_curve
from zowarmup.analysis.figures.drawing import style

BITS = "bits"
TOP = 9.0  # where curves end above; uniform guessing takes 8
ROOM = 0.05  # bits beside the curves
AFTER = 0.1  # share of the rounds before which curves fall so far that they would hide the rest


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Draw mean and standard deviation over the seeds of `main`, one panel per data and split.

    The axis begins where the curves are after a tenth of the rounds.

    Raises:
        MetricsError: the study `main` has no row.
    """
    rows = m.of_study(metrics, "main")
    rows = rows.assign(**{BITS: (rows["test_loss"] / log(2)).clip(upper=TOP)})
    looks, names = style.lines(m.methods(rows)), style.of_methods(rows)
    groups = list(m.by_split(rows))
    drawing, grid = style.panels(len(groups), 3.0, width=style.WIDTH)
    for axes, (scale, split, group) in zip(grid, groups, strict=True):
        parts = {k: part for k, part in group.groupby("method") if part[BITS].notna().any()}
        late = [_curve(axes, parts[k], look) for k, look in looks.items() if k in parts]
        _limit(axes, late)
        axes.set_xlim(0, 1.02 * group["round"].max())
        axes.set_xlabel("round")
        axes.set_ylabel("test text, bits per byte")
        style.title(axes, rows, scale, split)
    handles = [Line2D([], [], **look._asdict(), label=names[k]) for k, look in looks.items()]
    handles += [Line2D([], [], **PIVOT, label="pivot")] * bool(rows["pivot"].notna().any())
    style.legend(drawing, rows, handles)
    return drawing


def _limit(axes: Axes, parts: Sequence[pd.DataFrame]) -> None:
    """Let the axis show these parts of curves."""
    if parts:
        shown = pd.concat(parts)
        low, high = shown["mean"] - shown["std"], shown["mean"] + shown["std"]
        axes.set_ylim(low.min() - ROOM, high.max() + ROOM)


def _curve(axes: Axes, rows: pd.DataFrame, look: style.Line) -> pd.DataFrame:
    """Draw a method's curve; return the part of it that the axis should show."""
    curve = mean_curve(rows, BITS).dropna(subset=["mean"])
    draw(axes, curve, "round", look)
    start = curve[curve["pivot"]]
    axes.plot(start["round"], start["mean"], **PIVOT, zorder=3)
    return curve[curve["round"] >= AFTER * curve["round"].max()]
