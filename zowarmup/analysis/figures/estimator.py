"""The paper's finite differences against their limit, along the same directions."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, style

# What a run is compared in, drawn in this order: the second lies on the first, which shows through.
ESTIMATORS = {
    "directional": ("limit for eps → 0, by backpropagation", style.KNOWN["zowarmup"]),
    "two_point": ("two-point differences, the paper's", style.KNOWN["high_res_only"]),
}
SHOWN = {
    "test_accuracy": ("test accuracy, %", 100),
    "train_loss": ("training loss of all clients", 1),
}


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Learning curves of phase 2 from the same model, with the same seeds; a row per split.

    Args:
        metrics: with the study `estimator`, whose runs differ in `zo.estimator`.
        federation: not needed.
    """
    rows = m.of_study(metrics, "estimator")
    rows = rows[rows["round"] >= rows["pivot"].fillna(0)]
    groups = [(scale, split, paired(here)) for scale, split, here in m.by_split(rows)]
    drawing, grid = style.panels(len(groups) * len(SHOWN), 2.3, columns=len(SHOWN))
    for i, (scale, split, here) in enumerate(groups):
        line = grid[len(SHOWN) * i : len(SHOWN) * (i + 1)]
        for axes, (column, (label, factor)) in zip(line, SHOWN.items(), strict=True):
            _curves(axes, here, column, factor)
            axes.set_ylabel(label)
            axes.set_xlabel("round")
        seeds = ", ".join(map(str, sorted(here["seed"].unique())))
        title = f"{', '.join(scale)}; {style.split_title(split)}; seeds: {seeds}"
        line[0].set_title(title, loc="left")
    style.legend(drawing, _handles(rows))
    return drawing


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those seeds that ran with every estimator that occurs."""
    seeds = [set(here["seed"]) for _, here in rows.groupby("estimator")]
    return rows[rows["seed"].isin(set.intersection(*seeds))]


def _curves(axes: Axes, rows: pd.DataFrame, column: str, factor: float) -> None:
    for name, (_, look) in ESTIMATORS.items():
        here = rows[rows["estimator"] == name]
        if len(here):
            curve = curves.mean_curve(here, column)
            curve[["mean", "std"]] *= factor
            curves.draw(axes, curve, "round", look, lw=1.1)


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    present = [name for name in ESTIMATORS if name in set(rows["estimator"])]
    handles = [Line2D([], [], **ESTIMATORS[n][1].kwargs(), label=ESTIMATORS[n][0]) for n in present]
    handles[0].set_label(f"{handles[0].get_label()} (mean ± std)")
    return [*handles, *style.diverged_handle(rows)]
