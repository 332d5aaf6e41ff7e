"""How well zeroth-order steps point along the true gradient, beside what theory expects.

sqrt(P/(P+d)) is the cosine of P directions that all clients try on all images; with directions of
their own it is sqrt(P/(P + B^2 d)), B^2 being how much the clients' gradients differ.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, method_labels, style, ticks
from zowarmup.analysis.tables.gradient_quality import (
    STUDIES,
    by_seed,
    expected,
    expected_of,
    measured,
)

SMOOTH = 5  # evaluated rounds; one round's cosine is noisy
THEORY = {"color": style.BLACK, "lw": 0.8, "ls": (0, (1, 1.5))}
DISSIMILAR = {"color": style.BLACK, "lw": 0.8, "ls": (0, (4, 2))}


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """The cosine over training on each split, and its mean over rounds against d.

    Over training it is a moving mean of five evaluated rounds.

    Args:
        metrics: with the study `main`, `width` or both, and zeroth-order rounds in them.
        federation: not needed.

    Raises:
        MetricsError: they hold neither study, or no cosine.
    """
    rows = measured(m.of_study(metrics, *STUDIES))
    over_training = list(m.by_split(rows[rows["study"] == "main"]))
    over_width = list(m.by_split(rows[rows["study"] == "width"]))
    looks = style.lines(m.methods(rows))
    drawing, grid = style.panels(len(over_training) + len(over_width), 2.3)
    several = len(m.scales(rows)) > 1
    for axes, (scale, split, here) in zip(grid, over_training, strict=False):
        _training(axes, here, looks)
        axes.set_title(f"{', '.join(scale)}\n" * several + split, loc="left")
    for axes, (scale, split, here) in zip(grid[len(over_training) :], over_width, strict=True):
        _width(axes, here, looks)
        axes.set_title(f"{', '.join(scale)}\n" * several + f"{split}: wider networks", loc="left")
    for axes in grid[:: style.COLUMNS]:
        axes.set_ylabel("cosine of step and gradient")
    style.legend(drawing, _handles(rows, looks), style.SPLITS)
    return drawing


def _training(axes: Axes, rows: pd.DataFrame, looks: dict[str, style.Line]) -> None:
    for method in m.methods(rows):
        here = rows[rows["method"] == method]
        curves.draw(
            axes, curves.mean_curve(here, "gradient_cosine", SMOOTH), "round", looks[method]
        )
    first = rows[rows["method"] == m.methods(rows)[0]]
    curve = curves.mean_curve(first.assign(of=expected_of(first)), "of", SMOOTH)
    axes.plot(curve["round"], curve["mean"], **DISSIMILAR, zorder=3)
    for P, value in sorted({(row["directions"], expected(row)) for _, row in rows.iterrows()}):
        axes.axhline(value, **THEORY, zorder=0.5)
        note = {"xytext": (0, 2), "textcoords": "offset points", "ha": "right", "va": "bottom"}
        axes.annotate(f"P = {P:.0f}", (1, value), xycoords=("axes fraction", "data"), **note)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.set_xlabel("round")


def _width(axes: Axes, rows: pd.DataFrame, looks: dict[str, style.Line]) -> None:
    """Both axes logarithmic: theory falls as the root of d. Dots are seeds."""
    for method in m.methods(rows):
        here, look = rows[rows["method"] == method], looks[method]
        means = {d: by_seed(cell) for d, cell in here.groupby("d")}
        for d, values in means.items():
            axes.plot(np.full(len(values), d), values, color=look.color, **style.SEED)
        mean = [values.mean() for values in means.values()]
        axes.plot(list(means), mean, **look.kwargs(), lw=1)
    P = rows["directions"].max()
    d = np.geomspace(rows["d"].min(), rows["d"].max(), 50)
    axes.plot(d, np.sqrt(P / (P + d)), **THEORY)
    first = rows[rows["method"] == m.methods(rows)[0]]
    means = first.assign(of=expected_of(first)).groupby("d")["of"].mean()
    axes.plot(means.index, means, **DISSIMILAR, zorder=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticks.plain)
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("d: parameters of the network")


def _handles(rows: pd.DataFrame, looks: dict[str, style.Line]) -> list[Line2D]:
    labels = method_labels.labels(rows)
    named = [Line2D([], [], **k.kwargs(), label=labels[name]) for name, k in looks.items()]
    named[0].set_label(f"{named[0].get_label()} (mean ± std)")
    theory = Line2D([], [], **THEORY, label="one gradient of all clients: sqrt(P / (P + d))")
    text = f"gradients as they differ: sqrt(P / (P + B²d)), {labels[next(iter(looks))]}"
    dissimilar = Line2D([], [], **DISSIMILAR, label=text)
    return [*named, theory, dissimilar, *style.diverged_handle(rows)]
