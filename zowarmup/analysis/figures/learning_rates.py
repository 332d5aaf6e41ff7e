"""The figure of rate profiles: held-out accuracy over the grid of each selection."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.learning_rates import trials_of
from zowarmup.plan.tuning_rule import choose

COLUMNS = 4  # panels side by side
HEIGHT = 1.9  # inches of a row of panels


@style.styled
def figure(metrics: pd.DataFrame, trials: pd.DataFrame) -> Figure:
    """Draw a panel per selection: accuracy over the last phase's rate, a line per other rates.

    A dot is the mean over the tuning seeds, its bar their standard deviation. A cross at the bottom
    is a candidate that diverged, with the number of seeds; the ring is the choice.
    """
    groups = list(trials.groupby("selection"))
    columns = min(COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    drawing = Figure(figsize=(style.WIDTH, 0.6 + HEIGHT * rows), layout="constrained")
    grid = drawing.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (name, own) in zip(grid.flat, groups, strict=False):
        axes.set_title(style.wrapped(style.literal(str(name)), style.WIDTH / columns), fontsize=7)
        _panel(axes, own)
    for axes in grid.flat[len(groups) :]:
        axes.set_visible(False)
    for axes in grid[:, 0]:
        axes.set_ylabel("held-out accuracy (%)")
    handles = [
        Line2D([], [], color=style.BLACK, marker="o", ls="", ms=8, mfc="none", label="chosen"),
        Line2D([], [], color=style.BLACK, marker="x", ls="", label="diverged (seeds)"),
    ]
    drawing.legend(handles=handles, loc="outside lower center", ncols=2)
    return drawing


def _panel(axes: Axes, own: pd.DataFrame) -> None:
    """One selection; several lines where it has several axes, labelled by the other rates."""
    *_, last = own["rates"].iloc[0]
    chosen = choose(trials_of(own), float(own["chance"].iloc[0]))
    points = own.assign(
        x=[rates[last] for rates in own["rates"]],
        line=[", ".join(f"{v:g}" for a, v in rates.items() if a != last) for rates in own["rates"]],
    )
    looks = style.lines(list(dict.fromkeys(points["line"])))
    for line, of_line in points.groupby("line", sort=False):
        color = looks[line].color
        cells = of_line.groupby("x")["accuracy"]
        mean, spread = 100 * cells.mean(), 100 * cells.std()
        lost = of_line["accuracy"].isna().groupby(of_line["x"]).sum()
        whole = lost[lost == 0].index
        axes.errorbar(whole, mean[whole], spread[whole], color=color, marker="o", ms=3, label=line)
        for x, count in lost[lost > 0].items():
            axes.plot(x, 3, color=color, marker="x", ls="")
            axes.annotate(str(count), (float(str(x)), 6), fontsize=5, ha="center", color=color)
    axes.plot(
        chosen.rates[last], 100 * chosen.accuracy, color=style.BLACK, marker="o", ms=8, mfc="none"
    )
    axes.set_xscale("log")
    axes.margins(x=0.1)
    ticks = sorted({points["x"].min(), chosen.rates[last], points["x"].max()})
    axes.set_xticks(ticks, map("{:g}".format, ticks))
    axes.set_xticks([], minor=True)
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"lr of phase {last.partition('.')[0]}")
    if len(looks) > 1:
        axes.legend(title="other rates", fontsize=5, title_fontsize=5, loc="best")
