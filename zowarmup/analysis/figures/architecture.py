"""What the low-resource clients add with each network."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import method_labels, style, sweep
from zowarmup.analysis.tables.architecture import models


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """The methods with each network side by side, one panel per data set and split.

    Args:
        metrics: with the study `architecture`.
        federation: not needed.
    """
    final = m.final_rows(m.of_study(metrics, "architecture"))
    groups = [
        (dataset, split, rows[rows["split"] == split])
        for dataset, rows in final.groupby("dataset")
        for split in m.splits(rows)
    ]
    drawing, grid = style.panels(len(groups), 2.4)
    looks = style.lines(m.methods(final))
    for axes, (dataset, split, rows) in zip(grid, groups, strict=True):
        _panel(axes, rows, looks)
        several = final["dataset"].nunique() > 1
        axes.set_title((f"{dataset}, " if several else "") + style.split_title(split), loc="left")
    grid[0].set_ylabel("final test accuracy, %")
    labels = method_labels.labels(final)
    handles = [Line2D([], [], **k.kwargs(), label=labels[name]) for name, k in looks.items()]
    handles[0].set_label(f"{handles[0].get_label()} (mean, 95 % interval)")
    handles += [style.seed_handle(), *style.diverged_handle(final)]
    style.legend(drawing, handles)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, looks: dict[str, style.Line]) -> None:
    """The networks at 0, 1, ... are not joined by lines: nothing lies between them."""
    names, methods = models(rows), m.methods(rows)
    slot = 0.5 / len(methods)
    for i, method in enumerate(methods):
        shift = (i - (len(methods) - 1) / 2) * slot
        places = {name: place + shift for place, name in enumerate(names)}
        look = style.Line(looks[method].color, "", looks[method].marker)
        sweep.line(axes, rows[rows["method"] == method], "model", places, look, 0.3 * slot)
    sizes = [rows[rows["model"] == name]["d"].iloc[0] for name in names]
    texts = [f"{name}\nd = {d:,.0f}" for name, d in zip(names, sizes, strict=True)]
    axes.set_xticks(range(len(names)), texts)
    axes.set_xlim(-0.5, len(names) - 0.5)
    sweep.clip(axes)
