"""Figure of the accuracy that zeroth-order training reaches against the gain it starts with."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.cells import select
from zowarmup.analysis.tables.depth import with_curvature

SCRATCH, WARM = "zo_init", "zowarmup"
LABEL = "best expected gain of a round where zeroth-order training starts"
ARROW = {"arrowstyle": "-|>", "color": style.GREY, "lw": 0.7, "shrinkA": 4, "shrinkB": 4}
OPEN = {"mfc": "white", "mew": 1.2}  # from scratch; filled after a warm-up, readable in grey
CHANCE = {"color": style.GREY, "lw": 0.8, "ls": (0, (1, 1.5))}


class Point(NamedTuple):
    """Geometric mean of the gain and mean accuracy in per cent, with 95 % intervals (low, high)."""

    x: float
    y: float
    x_ends: tuple[float, float]
    y_ends: tuple[float, float]


@style.styled
def figure(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """Draw, for each network, training from scratch, and an arrow to ZOWarmUp from its pivot.

    There is a panel per data set and split. A network without a measured gain is left out.

    Raises:
        MetricsError: the metrics hold no row of the study `depth`.
        UserError: nothing was measured.
    """
    rows = with_curvature(m.final_rows(m.of_study(metrics, "depth")), measured)
    panels = list(rows.groupby(["dataset", "split"], sort=True))
    drawing, grid = style.panels(len(panels), 4.0, 1, style.WIDTH, style.ACCURACY)
    for axes, ((dataset, split), part) in zip(grid, panels, strict=True):
        axes.set_xscale("log")
        axes.axhline(100 / part["classes"].iloc[0], **CHANCE, zorder=0.5)
        for model, network in part.groupby("model"):
            _network(axes, str(model), network)
        axes.set_xlabel(LABEL)
        axes.set_ylim(0, 100)
        style.title(axes, rows.assign(model="every network"), (dataset, "every network"), split)
    style.legend(drawing, rows, _handles(rows))
    return drawing


def _network(axes: Axes, model: str, rows: pd.DataFrame) -> None:
    """Draw the two points of one network, its name and the arrow between them."""
    points = {}
    for method, extra in ((SCRATCH, OPEN), (WARM, {})):
        cell = select(rows, method=method)
        if cell["gain"].notna().any():
            points[method] = point = _point(cell)
            look = style.METHODS[method]
            ends = {
                "xerr": _lengths(point.x, point.x_ends),
                "yerr": _lengths(point.y, point.y_ends),
            }
            dot = {"color": look.color, "marker": look.marker, "ms": 6} | extra
            axes.errorbar(point.x, point.y, **ends, **dot, elinewidth=0.7)
    if points:
        first = next(iter(points.values()))
        # To the left, because the arrow and most other points are to the right.
        place = {"xytext": (-6, 0), "textcoords": "offset points", "ha": "right", "va": "center"}
        axes.annotate(style.literal(model), (first.x, first.y), **place, path_effects=style.HALO)
    if len(points) == 2:
        start, end = ((point.x, point.y) for point in points.values())
        axes.annotate("", end, start, arrowprops=ARROW, zorder=1)


def _point(cell: pd.DataFrame) -> Point:
    y = statistics.mean_interval(100 * m.by_seed(cell))
    x = statistics.mean_interval(np.log(m.by_seed(cell, "gain").dropna()))
    effect, low, high = np.exp([x.effect, x.low, x.high])
    return Point(effect, y.effect, (low, high), (max(y.low, 0.0), min(y.high, 100.0)))


def _lengths(middle: float, ends: tuple[float, float]) -> np.ndarray:
    """Return the lengths of an error bar, (2, 1); none where there is no interval."""
    return np.nan_to_num([[middle - ends[0]], [ends[1] - middle]]).clip(min=0)


def _handles(rows: pd.DataFrame) -> list[Line2D]:
    names, handles = style.of_methods(rows), []
    for method, extra in ((SCRATCH, OPEN), (WARM, {})):
        if method in names:
            look = style.METHODS[method]._replace(linestyle="")._asdict()
            handles.append(Line2D([], [], **look, **extra, label=names[method]))
    handles[0].set_label(f"{handles[0].get_label()} ({style.INTERVAL}s)")
    return [*handles, Line2D([], [], **CHANCE, label="chance")]
