"""Figure of the cosine between zeroth-order steps and the true gradient, measured and expected.

Theory expects sqrt(P/(P+d)) if all clients try the same P directions, and sqrt(P/(P + B^2 d)) if
each client tries other directions; B^2 measures how much the clients' gradients differ.
"""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures import curves
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables import gradient_quality as table
from zowarmup.analysis.tables.cells import parts

SMOOTH = 5  # evaluated rounds; one round's cosine is noisy
THEORY = {"color": style.BLACK, "lw": 0.8, "ls": (0, (1, 1.5))}
DISSIMILAR = {"color": style.BLACK, "lw": 0.8, "ls": (0, (4, 2))}


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Draw the cosine over training: a moving mean of five evaluated rounds.

    Raises:
        MetricsError: the metrics hold no row of the study `main`, or no cosine.
    """
    rows = table.measured(m.of_study(metrics, "main"))
    rows = rows.assign(dissimilar=table.expected_dissimilar(rows))
    groups = list(m.by_split(rows))
    looks, names = style.lines(m.methods(rows)), style.of_methods(rows)
    drawing, grid = style.panels(len(groups), 2.3, label="cosine of step and gradient")
    for axes, (scale, split, group) in zip(grid, groups, strict=True):
        _training(axes, group, looks)
        style.title(axes, rows, scale, split)
    text = f"gradients as they differ: sqrt(P / (P + B²d)), {names[next(iter(looks))]}"
    handles = [
        *style.handles(looks, names, style.SPREAD),
        Line2D([], [], **THEORY, label="one gradient of all clients: sqrt(P / (P + d))"),
        Line2D([], [], **DISSIMILAR, label=text),
    ]
    style.legend(drawing, rows, handles)
    return drawing


def _training(axes: Axes, rows: pd.DataFrame, looks: Mapping[str, style.Line]) -> None:
    first, *_ = methods = list(parts(rows, "method"))
    for part in methods:
        curve = curves.mean_curve(part, "gradient_cosine", SMOOTH)
        curves.draw(axes, curve, "round", looks[part["method"].iloc[0]])
    curve = curves.mean_curve(first, "dissimilar", SMOOTH)
    axes.plot(curve["round"], curve["mean"], **DISSIMILAR, zorder=3)
    theory = rows.assign(theory=table.expected(rows)).drop_duplicates(["directions", "theory"])
    for P, cosine in zip(theory["directions"], theory["theory"], strict=True):
        axes.axhline(cosine, **THEORY, zorder=0.5)
        right = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "bottom"}
        axes.text(1, cosine, f"P = {P:.0f}", **right)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.set_xlabel("round")
