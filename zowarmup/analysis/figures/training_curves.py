"""Test accuracy over training, by round and by bytes, one column of panels per split."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator
from numpy.typing import ArrayLike

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, method_labels, style, ticks


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Mean over seeds with a band of one standard deviation; the pivot is marked.

    The scale of accuracy is logistic, so that 90 and 98 % are as far apart as 50 and 84 %. Methods
    that share their warm-up with High Res Only are drawn from the pivot on. Methods beyond the core
    of the comparison have a row of panels of their own, with ZOWarmUp as a thin line.

    A run that diverged stays at its last accuracy (and is marked with a cross where it ended), so
    that the mean never is one over survivors only.

    Args:
        metrics: with the study `main`.
        federation: not needed.
    """
    rows = m.of_study(metrics, "main")
    scales, splits, looks = m.scales(rows), m.splits(rows), style.lines(m.methods(rows))
    lines = 2 if set(looks) <= set(CORE) else 3
    drawing = style.new(style.WIDTH, 0.1 + 1.8 * lines * len(scales))
    shape = (lines * len(scales), len(splits))
    grid = drawing.subplots(*shape, sharey="row", sharex="row", squeeze=False)
    for i, scale in enumerate(scales):
        block, here = grid[lines * i : lines * (i + 1)], m.at_scale(rows, scale)
        for split, column in zip(splits, block.T, strict=True):
            _column(column, _curves(here[here["split"] == split]), looks, split)
        for line in block:
            first = next((axes for axes in line if axes in drawing.axes), None)
            if first is None:
                continue
            style.accuracy_label(first, scale, scales, "test accuracy, % (logit)")
            first.yaxis.set_tick_params(labelleft=True)
            _logistic(first, 100 * here["test_accuracy"])
    _legend(drawing, rows, looks)
    return drawing


def mean_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """One method on one split, by `round`: accuracy `mean` and `std` in %, total `bytes`.

    `pivot` and `diverged` say whether phase 2 starts, or a run ended too early, at this round.
    """
    curve = curves.mean_curve(rows)
    curve[["mean", "std"]] *= 100
    sent = (rows["bytes_up"] + rows["bytes_down"]).groupby(rows["round"]).mean()
    curve["bytes"] = curve["round"].map(sent)
    curve["pivot"] = curve["round"].isin(rows["pivot"].dropna())
    return curve


def _column(
    column: np.ndarray, found: dict[str, pd.DataFrame], looks: dict[str, style.Line], split: str
) -> None:
    """The panels of one split: the core by round and by bytes, and the other methods by round."""
    if not found:  # another data set or network has this split
        for axes in column:
            axes.remove()
        return
    core = {name: curve for name, curve in found.items() if name in CORE}
    others = {name: curve for name, curve in found.items() if name not in CORE}
    _by_round(column[0], core, looks, split)
    _by_bytes(column[1], core, looks)
    if len(column) > 2 and not others:
        column[2].remove()
    elif len(column) > 2:
        if "zowarmup" in core:
            first = core["zowarmup"]
            column[2].plot(first["round"], first["mean"], color=style.VERMILION, lw=0.8, zorder=3)
        _by_round(column[2], others, looks, split)


def _curves(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A curve that up to its pivot is the reference's starts at the pivot."""
    found = {method: mean_curve(rows[rows["method"] == method]) for method in m.methods(rows)}
    first = found.get(REFERENCE)
    return {
        method: curve if first is None or method == REFERENCE else _own_part(curve, first)
        for method, curve in found.items()
    }


def _own_part(curve: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The curve from its pivot on if until then it is the other one, else the whole curve."""
    if not curve["pivot"].any():
        return curve
    start = curve["round"][curve["pivot"]].min()
    shared = curve[curve["round"] <= start].reset_index(drop=True)
    same = shared[COMPARED].equals(other.loc[other["round"] <= start, COMPARED])
    return curve[curve["round"] >= start] if same else curve


def _logistic(axes: Axes, percent: pd.Series) -> None:
    """An axis of the logit of accuracy, over the range of the data and a little more."""
    low, high = _logit(percent.min()), _logit(percent.max())
    axes.set_yscale("function", functions=(_logit, _logit_inverse))
    axes.set_yticks(TICKS, map(str, TICKS))
    axes.set_yticks([], minor=True)
    axes.set_ylim(_logit_inverse(low - 0.2), _logit_inverse(high + 0.2))


def _logit(percent: ArrayLike) -> np.ndarray:
    """Whatever lies beyond 0.05 and 99.95 %, where it has no end, is drawn there."""
    part = np.clip(np.asarray(percent) / 100, 0.0005, 0.9995)
    return np.log(part / (1 - part))


def _logit_inverse(logit: ArrayLike) -> np.ndarray:
    return 100 / (1 + np.exp(-np.asarray(logit)))


def _by_round(
    axes: Axes, found: dict[str, pd.DataFrame], looks: dict[str, style.Line], split: str
) -> None:
    for method, curve in found.items():
        curves.draw(axes, curve, "round", looks[method])
    pivots = sorted({p for curve in found.values() for p in curve["round"][curve["pivot"]]})
    for pivot in pivots:
        axes.axvline(pivot, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    if len(pivots) == 1:
        axes.set_xticks([0, *pivots, max(curve["round"].max() for curve in found.values())])
    axes.set_title(split, loc="left")
    axes.set_xlabel("round")


def _by_bytes(axes: Axes, found: dict[str, pd.DataFrame], looks: dict[str, style.Line]) -> None:
    axes.set_xscale("log")
    for method, curve in found.items():
        # Nothing is sent before round 1, and a logarithm has no place for nothing.
        curve = curve[curve["bytes"] > 0]
        curves.draw(axes, curve, "bytes", looks[method])
        start = curve[curve["pivot"]]
        axes.plot(start["bytes"], start["mean"], **PIVOT, zorder=3)
    low, high = axes.get_xlim()
    if high < 20 * low:  # powers of ten alone could be one tick, or none
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticks.of_bytes)
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("sent by all, up + down")


def _legend(drawing: Figure, rows: pd.DataFrame, looks: dict[str, style.Line]) -> None:
    labels = method_labels.labels(rows)
    handles = [
        Line2D([], [], color=k.color, ls=k.style, marker=k.marker, label=labels[name])
        for name, k in looks.items()
    ]
    if rows["pivot"].notna().any():
        handles.append(Line2D([], [], **PIVOT, label="pivot"))
    handles += style.diverged_handle(rows)
    beyond = "" if set(looks) <= set(CORE) else "; last row: other methods, and ZOWarmUp thin"
    style.legend(drawing, handles, style.SPLITS + beyond)


REFERENCE = "high_res_only"
CORE = ("high_res_only", "zowarmup", "zowarmup_high_only", "fedavg_all")
COMPARED = ["round", "mean", "std"]
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
PIVOT = {"ls": "", "marker": "o", "mfc": "white", "mec": style.BLACK, "ms": 4.5, "mew": 1.2}
