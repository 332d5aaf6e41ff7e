"""Figure of the probes along warm-ups, and of the pivots that rules decide from them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import probes as p
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import style, sweep
from zowarmup.analysis.tables.adaptive_pivot import GROUP, STUDY, fixed
from zowarmup.common.errors import UserError

GIVEN = style.METHODS["zowarmup"]._replace(marker="o")
COLUMNS = 3  # held-out accuracy, gain, final accuracy
STRIP = 0.055  # height of a rule's row of marks, as a part of the panel


@style.styled
def figure(metrics: pd.DataFrame, probes: pd.DataFrame | None = None) -> Figure:
    """Draw a row of panels for each split and skew.

    From left to right: the held-out accuracy of all clients along the warm-up, above a mark for
    each pivot that a rule chose; the best expected gain of a zeroth-order round; the final accuracy
    by the pivot, fixed ones as a line and each rule at its mean pivot.

    Args:
        probes: see `analysis.probes.read`.

    Raises:
        MetricsError: the metrics hold no row of the study.
        UserError: no run of the study reads probes.
    """
    if probes is None:
        raise UserError(f"no run of study {STUDY!r} reads probes; give one of them `pivot: auto`")
    final = m.final_rows(m.of_study(metrics, STUDY))
    final = final.assign(rule=_names(final))
    groups = [(key, rows) for key, rows in final.groupby(GROUP, sort=False, dropna=False)]
    drawing, grid = style.panels(COLUMNS * len(groups), 2.0, COLUMNS, style.WIDTH)
    rules = [name for name in final["rule"].unique() if name]
    looks = style.lines(["zowarmup", *rules])  # fixed pivots have that look
    looks.pop("zowarmup")
    for i, (key, rows) in enumerate(groups):
        along, gain, end = grid[COLUMNS * i : COLUMNS * (i + 1)]
        labels = dict(zip(GROUP, key, strict=True))
        own = _of_group(probes, labels).assign(directions=rows["directions"].max())
        _along(along, own, rows, looks)
        _gain(gain, own)
        _end(end, rows, looks)
        skew = f", α {labels['alpha']:g}" if final["alpha"].nunique() > 1 else ""
        scale = str(labels["dataset"]), str(labels["model"])
        style.title(along, final, scale, str(labels["split"]), skew)
    handles = [
        Line2D([], [], **GIVEN._asdict(), label=f"fixed pivots ({style.INTERVAL})"),
        *(
            Line2D([], [], **look._replace(linestyle="")._asdict(), label=name)
            for name, look in looks.items()
        ),
        style.seed_handle(),
    ]
    style.legend(drawing, final, handles)
    return drawing


def _names(rows: pd.DataFrame) -> pd.Series:
    """Return the name of each adaptive run: its variant or method; "" for a fixed pivot."""
    names = rows["variant"].where(rows["variant"] != "", rows["run"])
    return names.where(rows[m.PROBED].notna(), "")


def _of_group(probes: pd.DataFrame, labels: Mapping[str, object]) -> pd.DataFrame:
    for name, value in labels.items():
        column = probes[name]
        probes = probes[column.isna() if value != value else column == value]
    return probes


def _along(
    axes: Axes, probes: pd.DataFrame, rows: pd.DataFrame, looks: Mapping[str, style.Line]
) -> None:
    """Draw mean and standard deviation of the held-out accuracy, and the rules' pivots below."""
    accuracy = (100 * probes["heldout"]).groupby(probes["round"])
    mean, std = accuracy.mean(), accuracy.std().fillna(0.0)
    axes.fill_between(mean.index, mean - std, mean + std, color=style.BLACK, alpha=0.15, lw=0)
    axes.plot(mean.index, mean, color=style.BLACK)
    place = axes.get_xaxis_transform()
    for j, (name, look) in enumerate(looks.items()):
        pivots = rows.loc[rows["rule"] == name, "pivot"].to_numpy(dtype=float)
        height = np.full(len(pivots), STRIP * (j + 0.6))
        axes.plot(pivots, height, transform=place, **look._replace(linestyle="")._asdict(), ms=3)
    axes.set_ylabel("held-out accuracy, %")
    axes.set_xlabel("round of the warm-up")


def _gain(axes: Axes, probes: pd.DataFrame) -> None:
    """Draw the median over the seeds and the middle half of them."""
    gains = p.gain(probes).groupby(probes["round"])
    low, middle, high = (gains.quantile(q) for q in (0.25, 0.5, 0.75))
    if (middle > 0).any():
        axes.fill_between(middle.index, low, high, color=style.BLUE, alpha=0.18, lw=0)
        axes.plot(middle.index, middle, color=style.BLUE)
        axes.set_yscale("log")
        style.decades(axes.yaxis)
    axes.set_ylabel("gain of a zeroth-order round")
    axes.set_xlabel("round of the warm-up")


def _end(axes: Axes, rows: pd.DataFrame, looks: Mapping[str, style.Line]) -> None:
    """Draw the final accuracy of fixed pivots, and of each rule with the range of its pivots."""
    given = dict(list(fixed(rows).groupby("pivot")))
    if given:
        sweep.line(axes, given, GIVEN, 0.25 * sweep.gap({pivot: pivot for pivot in given}))
    for name, look in looks.items():
        cell = rows[rows["rule"] == name]
        if cell.empty:
            continue
        mean = statistics.mean_interval(100 * m.by_seed(cell))
        pivots, ends = cell["pivot"], np.nan_to_num([mean.low, mean.high], nan=mean.effect)
        across = [[pivots.mean() - pivots.min()], [pivots.max() - pivots.mean()]]
        up = [[mean.effect - ends[0]], [ends[1] - mean.effect]]
        dot = {"color": look.color, "marker": look.marker, "ms": 5.5}
        axes.errorbar(pivots.mean(), mean.effect, up, across, ls="", lw=0.8, **dot)
    sweep.clip(axes)
    axes.set_xlim(0, float(rows["rounds"].max()))
    axes.set_ylabel(style.ACCURACY)
    axes.set_xlabel("pivot")
