"""The figures of learning curves in phase 2 alone: one row of panels per split."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, labels, style, ticks
from zowarmup.analysis.tables.cells import steps as steps_of_client
from zowarmup.analysis.tables.table import select, values

WIDE = 20  # an axis is logarithmic from this ratio of its largest to its smallest value
SHOWN = {
    "test_accuracy": ("test accuracy, %", 100),
    "train_loss": ("training loss of all clients", 1),
    "drift": ("drift of the clients' models", 1),
}
# In the order of drawing: the second lies on the first, which shows through.
ESTIMATORS = {"directional": style.METHODS["zowarmup"], "two_point": style.METHODS["high_res_only"]}
LIMIT = "limit for eps → 0, by backpropagation"
LABELS = {"directional": LIMIT, "two_point": "two-point differences, the paper's"}


@style.styled
def steps(metrics: pd.DataFrame) -> Figure:
    """One full-batch step of a client in a round against several: the study `steps`."""
    rows = _phase_2(metrics, "steps")
    start = rows.groupby(m.RUN)["forward_passes"].transform("min")
    rows = rows.assign(x=(rows["forward_passes"] - start) / 1e6)
    first, *others = values(rows, "variant")
    looks = {first: style.METHODS["zowarmup"]} | style.lines(others)
    names = {}
    for variant in looks:
        part = select(rows, variant=variant)
        names[variant] = f"{steps_of_client(part)}, lr {part['lr_2'].iloc[0]:g}"
    return _figure(
        rows, "variant", looks, names, list(SHOWN), "forward passes of phase 2, millions"
    )


@style.styled
def estimator(metrics: pd.DataFrame) -> Figure:
    """The paper's finite differences against their limit: the study `estimator`.

    Both start from the same model; only seeds that ran with every estimator are shown.
    """
    rows = _phase_2(metrics, "estimator")
    rows = pd.concat([paired(group) for _, _, group in m.by_split(rows)])
    rows = rows.assign(x=rows["round"])
    looks = {k: look for k, look in ESTIMATORS.items() if k in set(rows["estimator"])}
    return _figure(rows, "estimator", looks, LABELS, ["test_accuracy", "train_loss"], "round")


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those seeds that ran with every estimator that occurs."""
    seeds = [set(part["seed"]) for _, part in rows.groupby("estimator")]
    return rows[rows["seed"].isin(set.intersection(*seeds))]


def _phase_2(metrics: pd.DataFrame, study: str) -> pd.DataFrame:
    """The study's rows from the pivot on."""
    rows = m.of_study(metrics, study)
    return rows[rows["round"] >= rows["pivot"].fillna(0)]


def _figure(
    rows: pd.DataFrame,
    by: str,
    looks: Mapping[str, style.Line],
    names: Mapping[str, str],
    columns: list[str],
    xlabel: str,
) -> Figure:
    """A panel for each split and measurement, with a curve over `x` for each value of `by`."""
    groups = list(m.by_split(rows))
    drawing, grid = style.panels(len(groups) * len(columns), 2.3, columns=len(columns))
    panels = [(group, column) for group in groups for column in columns]
    for axes, ((scale, split, group), column) in zip(grid, panels, strict=True):
        for name, look in looks.items():
            _curve(axes, select(group, **{by: name}), column, look)
        _y_scale(axes)
        axes.set_ylabel(SHOWN[column][0])
        axes.set_xlabel(xlabel)
        if column == columns[0]:
            seeds = ", ".join(map(str, sorted(group["seed"].unique())))
            title = f"{', '.join(scale)}; {style.split_title(split)}; seeds: {seeds}"
            axes.set_title(title, loc="left")
    handles = labels.handles(looks, names, labels.SPREAD)
    labels.legend(drawing, [*handles, *labels.diverged_handle(rows)])
    return drawing


def _curve(axes: Axes, rows: pd.DataFrame, column: str, look: style.Line) -> None:
    """A run that diverged is drawn among the accuracies alone: its losses would hide all others."""
    lost = column != "test_accuracy" and rows["diverged"].any()
    if lost or rows[column].isna().all():
        return
    measured = rows[rows[column].notna() | rows["diverged"]]
    curve = curves.mean_curve(measured, column, factor=SHOWN[column][1])
    curve["x"] = curve["round"].map(rows.groupby("round")["x"].mean())
    curves.draw(axes, curve, "x", look, lw=1.1)


def _y_scale(axes: Axes) -> None:
    """Logarithmic where one curve would press the others flat."""
    points = np.concatenate([[], *(np.asarray(line.get_ydata(), float) for line in axes.lines)])
    points = points[np.isfinite(points)]
    if len(points) and 0 < WIDE * points.min() < points.max():
        axes.set_yscale("log")
        axes.set_ylim(points.min() / 1.5, points.max() * 1.5)
        ticks.decades(axes.yaxis)
