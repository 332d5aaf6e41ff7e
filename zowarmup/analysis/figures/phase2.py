"""The figures of learning curves in phase 2 alone: one row of panels per split."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, labels, style
from zowarmup.analysis.tables.cells import select, values
from zowarmup.analysis.tables.cells import steps as steps_of_client

SHOWN = {
    "test_accuracy": "test accuracy, %",
    "train_loss": "training loss of all clients",
    "drift": "drift of the clients' models",
}
LABELS = {
    "directional": "limit for eps → 0, by backpropagation",
    "two_point": "two-point differences, the paper's",
}


@style.styled
def steps(metrics: pd.DataFrame) -> Figure:
    """One full-batch step of a client in a round against several: the study `steps`."""
    rows = _phase_2(metrics, "steps")
    start = rows.groupby(m.RUN)["forward_passes"].transform("min")
    rows = rows.assign(x=(rows["forward_passes"] - start) / 1e6)
    names = {}
    for variant in values(rows, "variant"):
        part = select(rows, variant=variant)
        names[variant] = f"{steps_of_client(part)}, lr {part['lr_2'].iloc[0]:g}"
    return _figure(rows, names, list(SHOWN), "forward passes of phase 2, millions")


@style.styled
def estimator(metrics: pd.DataFrame) -> Figure:
    """The paper's finite differences against their limit: the study `estimator`.

    Both start from the same model; only seeds that ran with every estimator are shown.
    """
    rows = _phase_2(metrics, "estimator")
    rows = pd.concat([paired(group) for _, _, group in m.by_split(rows)])
    rows = rows.assign(x=rows["round"], variant=rows["estimator"])
    names = {k: LABELS[k] for k in values(rows, "estimator")}
    return _figure(rows, names, ["test_accuracy", "train_loss"], "round")


def paired(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of those seeds that ran with every estimator that occurs."""
    seeds = [set(part["seed"]) for _, part in rows.groupby("estimator")]
    return rows[rows["seed"].isin(set.intersection(*seeds))]


def _phase_2(metrics: pd.DataFrame, study: str) -> pd.DataFrame:
    """The study's rows from the pivot on, with accuracies in per cent."""
    rows = m.of_study(metrics, study)
    rows = rows[rows["round"] >= rows["pivot"].fillna(0)]
    return rows.assign(test_accuracy=100 * rows["test_accuracy"])


def _figure(rows: pd.DataFrame, names: dict[str, str], columns: list[str], x: str) -> Figure:
    """A panel for each split and measurement, with a curve over `x` for each variant."""
    looks = style.lines(names)
    panels = [(*group, column) for group in m.by_split(rows) for column in columns]
    drawing, grid = style.panels(len(panels), 2.3, columns=len(columns))
    for axes, (scale, split, group, column) in zip(grid, panels, strict=True):
        for name in reversed(looks):  # a dashed line lies on one without gaps
            _curve(axes, select(group, variant=name), column, looks[name])
        if column != "test_accuracy":  # one curve would press the others flat
            axes.set_yscale("log")
            labels.decades(axes.yaxis)
        axes.set_ylabel(SHOWN[column])
        axes.set_xlabel(x)
        if column == columns[0]:
            seeds = ", ".join(map(str, sorted(group["seed"].unique())))
            style.title(axes, rows, scale, split, f"; seeds: {seeds}")
    labels.legend(drawing, rows, labels.handles(looks, names, labels.SPREAD))
    return drawing


def _curve(axes: Axes, rows: pd.DataFrame, column: str, look: style.Line) -> None:
    """A run that diverged is drawn among the accuracies alone: its losses would hide all others."""
    measured = rows[rows[column].notna() | rows["diverged"]]
    if rows[column].isna().all() or (column != "test_accuracy" and rows["diverged"].any()):
        return
    curve = curves.mean_curve(measured, column)
    curve["x"] = curve["round"].map(rows.groupby("round")["x"].mean())
    curves.draw(axes, curve, "x", look, lw=1.1)
