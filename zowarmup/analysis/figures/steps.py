"""One full-batch step of a client in a round against several on mini-batches."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, style, ticks
from zowarmup.analysis.tables.steps import REFERENCE, name, variants

WIDE = 20  # largest over smallest value, from which on an axis is logarithmic
SHOWN = {
    "test_accuracy": ("test accuracy, %", 100),
    "train_loss": ("training loss of all clients", 1),
    "drift": ("drift of the clients' models", 1),
}


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Phase 2 over what it costs its clients in forward passes; a row of panels per split.

    Args:
        metrics: with the study `steps`.
        federation: not needed.
    """
    rows = m.of_study(metrics, "steps")
    rows = rows[rows["round"] >= rows["pivot"].fillna(0)]
    groups, looks = list(m.by_split(rows)), _looks(rows)
    drawing, grid = style.panels(len(groups) * len(SHOWN), 2.3)
    for i, (scale, split, here) in enumerate(groups):
        line = grid[len(SHOWN) * i : len(SHOWN) * (i + 1)]
        for axes, (column, (label, factor)) in zip(line, SHOWN.items(), strict=True):
            for variant in variants(here):
                _curve(axes, here[here["variant"] == variant], column, factor, looks[variant])
            _y_scale(axes)
            axes.set_ylabel(label)
            axes.set_xlabel("forward passes of phase 2, millions")
        several = f"{', '.join(scale)}; " * (len(m.scales(rows)) > 1)
        line[0].set_title(several + style.split_title(split), loc="left")
    style.legend(drawing, _handles(rows, looks))
    return drawing


def _looks(rows: pd.DataFrame) -> dict[str, style.Line]:
    others = [variant for variant in variants(rows) if variant != REFERENCE]
    return {REFERENCE: style.KNOWN["zowarmup"]} | style.lines(others)


def _curve(axes: Axes, rows: pd.DataFrame, column: str, factor: float, look: style.Line) -> None:
    """Over the forward passes since the pivot, in millions; nothing where nothing was measured.

    What diverged stands among the accuracies alone: its losses would press all others flat.
    """
    lost = column != "test_accuracy" and rows["diverged"].any()
    if lost or rows[column].isna().all():
        return
    passes = rows.groupby("round")["forward_passes"].mean()
    measured = rows[rows[column].notna() | rows["diverged"]]
    curve = curves.mean_curve(measured, column)
    curve[["mean", "std"]] *= factor
    curve["passes"] = curve["round"].map((passes - passes.iloc[0]) / 1e6)
    curves.draw(axes, curve, "passes", look, lw=1.1)


def _y_scale(axes: Axes) -> None:
    """Logarithmic where one curve would press the others flat."""
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in axes.lines]
    values = np.concatenate([np.empty(0), *drawn])
    values = values[np.isfinite(values)]
    if len(values) and 0 < WIDE * values.min() < values.max():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(ticks.plain)
        axes.yaxis.set_minor_formatter("")
        axes.set_ylim(values.min() / 1.5, values.max() * 1.5)


def _handles(rows: pd.DataFrame, looks: dict[str, style.Line]) -> list[Line2D]:
    present = variants(rows)
    cells = {variant: rows[rows["variant"] == variant] for variant in present}
    labels = {v: f"{name(cell)}, lr {cell['lr_2'].iloc[0]:g}" for v, cell in cells.items()}
    named = [Line2D([], [], **looks[v].kwargs(), label=labels[v]) for v in present]
    named[0].set_label(f"{named[0].get_label()} (mean ± std)")
    return [*named, *style.diverged_handle(rows)]
