"""Recall on the classes that the high-resource clients lack, before and after the second phase."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import method_labels, style
from zowarmup.analysis.tables.display import whole

NAMED, LINE = 2.6, 0.12  # inches: the width of a method's name, the height of each line of it
BEFORE = {"marker": "o", "mfc": "white", "ms": 5, "mew": 1.2, "ls": ""}


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """From the round of the pivot (open) to the end (filled), one panel per split.

    A method of one phase is shown at the same two rounds. Splits whose high-resource clients lack
    no class are left out, and seeds in which they lack none.

    Args:
        metrics: with the study `main`.
        federation: not needed.

    Raises:
        MetricsError: no row of the study, or no split with a class that is lacked.
    """
    rows = m.of_study(metrics, "main")
    rows = rows[rows["missing_recall"].notna()]
    if rows.empty:
        raise m.MetricsError(
            "in study 'main' the high-resource clients lack no class: give it a split with fewer"
        )
    groups, names = list(m.by_split(rows)), m.methods(rows)
    labels, looks = method_labels.labels(rows), style.lines(names)
    named = [method_labels.wrapped(labels[name], NAMED) for name in names]
    height = max(0.24, LINE * max(1 + text.count("\n") for text in named))
    drawing, grid = style.panels(len(groups), 0.5 + height * len(names), sharey=True)
    drawing.set_figwidth(style.WIDTH)
    top = {scale: _top(m.at_scale(rows, scale)) for scale in m.scales(rows)}
    for axes, (scale, split, here) in zip(grid, groups, strict=True):
        for place, name in enumerate(names):
            _dumbbell(axes, place, here[here["method"] == name], here["pivot"].max(), looks[name])
        _frame(axes, named, top[scale])
        lacked = m.last_rows(here)["missing_classes"].mean()
        above = f"{', '.join(scale)}\n" * (len(top) > 1)
        axes.set_title(f"{above}{split}: {whole(lacked)} lacked", loc="left")
    style.legend(drawing, _handles(rows))
    return drawing


def at(rows: pd.DataFrame, round_: float) -> pd.DataFrame:
    """Each run's row of this round, or its last one before."""
    return m.last_rows(rows[rows["round"] <= round_])


def _dumbbell(axes: Axes, place: int, rows: pd.DataFrame, pivot: float, look: style.Line) -> None:
    if rows.empty:
        return
    last = m.last_rows(rows)
    end = 100 * m.by_seed(last, "missing_recall")
    y = place + style.side_by_side(len(end), 0.4)
    lost = last.set_index("seed")["diverged"].sort_index().to_numpy(dtype=bool)
    axes.plot(end[~lost], y[~lost], color=look.color, **style.SEED)
    axes.plot(end[lost], y[lost], color=look.color, **style.DIVERGED)
    estimate = statistics.mean_interval(end)
    if pivot == pivot:
        before = 100 * m.by_seed(at(rows, pivot), "missing_recall").mean()
        axes.plot([before, estimate.effect], [place, place], color=look.color, lw=2.2, alpha=0.45)
        axes.plot(before, place, mec=look.color, **BEFORE)
    ends = [[estimate.effect - estimate.low], [estimate.high - estimate.effect]]
    bar = {"color": look.color, "marker": "o", "ms": 5, "capsize": 2.5, "lw": 1}
    axes.errorbar(estimate.effect, place, xerr=ends, **bar)


def _top(rows: pd.DataFrame) -> float:
    """Where the axis ends: at 100 %, or with many classes not far beyond the best recall."""
    return min(100.0, 200 * rows["missing_recall"].max()) or 100.0


def _frame(axes: Axes, labels: list[str], top: float) -> None:
    axes.set_yticks(range(len(labels)), map(method_labels.literal, labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlim(-0.03 * top, 1.03 * top)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("recall on lacked classes, %")


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    black = {"color": style.BLACK, "marker": "o", "ms": 5}
    return [
        Line2D([], [], mec=style.BLACK, **BEFORE, label="at the pivot's round (mean)"),
        Line2D([], [], **black, lw=1, label="at the end (mean, 95 % interval)"),
        style.seed_handle("one seed at the end"),
        *style.diverged_handle(rows),
    ]
