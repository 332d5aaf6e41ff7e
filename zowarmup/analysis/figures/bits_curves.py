"""The bits per byte of test text over training, with the change from phase 1 to phase 2."""

from collections.abc import Sequence
from math import log

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.curves import PIVOT, mean_curve, panel
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
        curves = {k: mean_curve(part, BITS).dropna(subset=["mean"]) for k, part in parts.items()}
        panel(axes, curves, looks, "round")
        _limit(axes, [c[c["round"] >= AFTER * c["round"].max()] for c in curves.values()])
        axes.set_xlim(0, 1.02 * group["round"].max())
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
