"""Final accuracy against the round at which zeroth-order training starts, one panel per split."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import method_labels, style, sweep
from zowarmup.common.errors import UserError

PAPER = 200 / 500  # the paper's pivot, in parts of its rounds


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Every seed, the mean with its 95 % t interval, and High Res Only where the metrics have it.

    Each panel has its own scale of accuracy: what a pivot changes is small beside what a split
    does.

    Args:
        metrics: with the study `pivot`; High Res Only may come from the study `main` too.
        federation: not needed.

    Raises:
        ValueError: the study `pivot` has no rows, or none with a pivot.
    """
    rows = m.final_rows(m.of_study(metrics, "pivot"))
    rows = rows[rows["pivot"].notna()]
    if rows.empty:
        raise UserError("no run of study 'pivot' has a pivot: give its methods a second phase")
    scales, splits, looks = m.scales(rows), m.splits(rows), style.lines(m.methods(rows))
    drawing = style.new(style.WIDTH, 0.1 + 2.4 * len(scales))
    grid = drawing.subplots(len(scales), len(splits), squeeze=False, sharex=True)
    for line, scale in zip(grid, scales, strict=True):
        for axes, split in zip(line, splits, strict=True):
            sweep.reference_line(axes, sweep.reference(metrics, scale, split, "pivot"))
            here = m.at_scale(rows[rows["split"] == split], scale)
            for method in m.methods(here):
                _line(axes, here[here["method"] == method], looks[method])
            _frame(axes, split, rows)
        style.accuracy_label(line[0], scale, scales, "final test accuracy, %")
    style.legend(drawing, _handles(rows, looks))
    return drawing


def _line(axes: Axes, rows: pd.DataFrame, look: style.Line) -> None:
    places = {pivot: float(pivot) for pivot in sorted(rows["pivot"].unique())}
    sweep.line(axes, rows, "pivot", places, look, 0.022 * float(rows["rounds"].max()))


def _frame(axes: Axes, split: str, rows: pd.DataFrame) -> None:
    rounds = rows["rounds"].max()
    axes.axvline(PAPER * rounds, **sweep.PAPER, zorder=0.5)
    axes.set_title(style.split_title(split), loc="left")
    axes.set_xlim(0, rounds)
    sweep.clip(axes)
    if rows["pivot"].nunique() <= 6:  # more would touch
        axes.set_xticks(sorted(rows["pivot"].unique()))
    axes.set_xlabel(f"pivot: round of {rounds:.0f} at which zeroth-order training starts")


def _handles(rows: pd.DataFrame, looks: dict[str, style.Line]) -> list[Line2D]:
    labels = method_labels.labels(rows)
    named = [
        Line2D([], [], **look.kwargs(), label=f"{labels[name]}, mean and 95 % interval")
        for name, look in looks.items()
    ]
    return [
        *named,
        style.seed_handle(),
        Line2D([], [], **sweep.PAPER, label="the paper's pivot (200 of 500 rounds)"),
        *style.diverged_handle(rows),
    ]
