"""The figure of rate profiles: held-out accuracy over the grid of each selection."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis.figures.drawing import style
from zowarmup.plan.earlier_trials import Row, by_selection
from zowarmup.plan.tuning_rule import Choice, Trial, by_candidate, choose

COLUMNS = 4  # panels side by side
HEIGHT = 1.9  # inches of a row of panels


@style.styled
def figure(metrics: pd.DataFrame, trials: Sequence[Row]) -> Figure:
    """Draw a panel per selection: accuracy over the last phase's rate, a line per other rates.

    A dot is the mean over the tuning seeds, its bar their standard deviation. A cross at the bottom
    is a candidate that diverged, with the number of seeds; the ring is the choice.
    """
    groups = by_selection(trials).items()
    columns = min(COLUMNS, len(groups))
    rows = math.ceil(len(groups) / columns)
    drawing = Figure(figsize=(style.WIDTH, 0.6 + HEIGHT * rows), layout="constrained")
    grid = drawing.subplots(rows, columns, sharey=True, squeeze=False)
    for axes, (name, (chance, own)) in zip(grid.flat, groups, strict=False):
        axes.set_title(style.wrapped(style.literal(name), style.WIDTH / columns), fontsize=7)
        _panel(axes, own, choose(own, chance))
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


def _panel(axes: Axes, trials: list[Trial], chosen: Choice) -> None:
    """One selection; several lines where it has several axes, labelled by the other rates."""
    *_, last = chosen.rates
    lines: dict[str, dict[float, list[Trial]]] = {}
    for own in by_candidate(trials).values():
        others = ", ".join(f"{v:g}" for axis, v in own[0].rates.items() if axis != last)
        lines.setdefault(others, {})[own[0].rates[last]] = own
    looks = style.lines(lines)
    for others, cells in lines.items():
        _line(axes, cells, looks[others].color, others)
    ring = {"color": style.BLACK, "marker": "o", "ms": 8, "mfc": "none"}
    axes.plot(chosen.rates[last], 100 * chosen.accuracy, **ring)
    axes.set_xscale("log")
    axes.margins(x=0.1)
    tried = [trial.rates[last] for trial in trials]
    ticks = sorted({min(tried), chosen.rates[last], max(tried)})
    axes.set_xticks(ticks, map("{:g}".format, ticks))
    axes.set_xticks([], minor=True)
    axes.set_ylim(0, 100)
    axes.set_xlabel(f"lr of phase {last.partition('.')[0]}")
    if len(lines) > 1:
        axes.legend(title="other rates", fontsize=5, title_fontsize=5, loc="best")


def _line(axes: Axes, cells: dict[float, list[Trial]], color: str, label: str) -> None:
    """The candidates that share all rates but the last one, by that rate."""
    whole: dict[float, pd.Series] = {}
    for rate, own in sorted(cells.items()):
        accuracy = 100 * pd.Series([trial.accuracy for trial in own], dtype=float)
        if lost := int(accuracy.isna().sum()):
            axes.plot(rate, 3, color=color, marker="x", ls="")
            axes.annotate(str(lost), (rate, 6), fontsize=5, ha="center", color=color)
        else:
            whole[rate] = accuracy
    means, spreads = ([of(own) for own in whole.values()] for of in (pd.Series.mean, pd.Series.std))
    axes.errorbar([*whole], means, spreads, color=color, marker="o", ms=3, label=label)
