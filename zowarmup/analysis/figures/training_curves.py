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
from zowarmup.analysis.figures import style
from zowarmup.analysis.tables.display import size


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Mean over seeds with a band of one standard deviation; the pivot is marked.

    The scale of accuracy is logistic, so that 90 and 98 % are as far apart as 50 and 84 %. Methods
    that share their warm-up with High Res Only are drawn from the pivot on.

    A run that diverged stays at its last accuracy (and is marked with a cross where it ended), so
    that the mean never is one over survivors only.

    Args:
        metrics: with the study `main`.
        federation: not needed.
    """
    rows = m.of_study(metrics, "main")
    scales, splits, looks = m.scales(rows), m.splits(rows), style.lines(m.methods(rows))
    drawing = style.new(style.WIDTH, 0.6 + 3.6 * len(scales))
    grid = drawing.subplots(2 * len(scales), len(splits), sharey=True, sharex="row", squeeze=False)
    for i, scale in enumerate(scales):
        for split, (above, below) in zip(splits, grid[2 * i : 2 * i + 2].T, strict=True):
            here = m.at_scale(rows, scale)
            curves = _curves(here[here["split"] == split])
            _by_round(above, curves, looks, split)
            _by_bytes(below, curves, looks)
        for axes in grid[2 * i : 2 * i + 2, 0]:
            style.accuracy_label(axes, scale, scales, "test accuracy, % (logit)")
            _logistic(axes, 100 * rows["test_accuracy"])
    _legend(drawing, rows, looks)
    return drawing


def mean_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """One method on one split, by `round`: accuracy `mean` and `std` in %, total `bytes`.

    `pivot` and `diverged` say whether phase 2 starts, or a run ended too early, at this round.
    """
    m.by_seed(m.last_rows(rows))  # or else a sentence that says which runs do not belong together
    accuracy = 100 * rows.pivot(index="round", columns="seed", values="test_accuracy").ffill()
    sent = (rows["bytes_up"] + rows["bytes_down"]).groupby(rows["round"]).mean()
    curve = pd.DataFrame({"mean": accuracy.mean(axis=1), "bytes": sent})
    curve["std"] = accuracy.std(axis=1).fillna(0.0)
    curve["pivot"] = curve.index.isin(rows["pivot"].dropna())
    curve["diverged"] = rows.groupby("round")["diverged"].any()
    return curve.reset_index()


def _curves(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A curve that up to its pivot is the reference's starts at the pivot."""
    curves = {method: mean_curve(rows[rows["method"] == method]) for method in m.methods(rows)}
    first = curves.get(REFERENCE)
    return {
        method: curve if first is None or method == REFERENCE else _own_part(curve, first)
        for method, curve in curves.items()
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
    axes: Axes, curves: dict[str, pd.DataFrame], looks: dict[str, style.Line], split: str
) -> None:
    for method, curve in curves.items():
        _draw(axes, curve, "round", looks[method])
    pivots = sorted({p for curve in curves.values() for p in curve["round"][curve["pivot"]]})
    for pivot in pivots:
        axes.axvline(pivot, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    if len(pivots) == 1:
        axes.set_xticks([0, *pivots, max(curve["round"].max() for curve in curves.values())])
    axes.set_title(split, loc="left")
    axes.set_xlabel("round")


def _by_bytes(axes: Axes, curves: dict[str, pd.DataFrame], looks: dict[str, style.Line]) -> None:
    axes.set_xscale("log")
    for method, curve in curves.items():
        # Nothing is sent before round 1, and a logarithm has no place for nothing.
        curve = curve[curve["bytes"] > 0]
        _draw(axes, curve, "bytes", looks[method])
        start = curve[curve["pivot"]]
        axes.plot(start["bytes"], start["mean"], **PIVOT, zorder=3)
    low, high = axes.get_xlim()
    if high < 20 * low:  # powers of ten alone could be one tick, or none
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(size_tick)
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("sent by all, up + down")


def _draw(axes: Axes, curve: pd.DataFrame, x: str, look: style.Line) -> None:
    low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
    axes.fill_between(curve[x], low, high, color=look.color, alpha=0.18, lw=0)
    axes.plot(curve[x], curve["mean"], color=look.color, ls=look.style)
    ends = curve.tail(1)
    axes.plot(ends[x], ends["mean"], color=look.color, marker=look.marker, clip_on=False)
    lost = curve[curve["diverged"]]
    axes.plot(lost[x], lost["mean"], color=look.color, **style.DIVERGED)


def size_tick(value: float, place: int) -> str:
    """Bytes as a tick: 1e6 is "1 MB"."""
    return size(value).replace(".00 ", " ").replace(".0 ", " ")


def _legend(drawing: Figure, rows: pd.DataFrame, looks: dict[str, style.Line]) -> None:
    labels = rows.groupby("method")["label"].first()
    handles = [
        Line2D([], [], color=k.color, ls=k.style, marker=k.marker, label=labels[name])
        for name, k in looks.items()
    ]
    if rows["pivot"].notna().any():
        handles.append(Line2D([], [], **PIVOT, label="pivot"))
    handles += style.diverged_handle(rows)
    title = "Panels by split: % of the clients that are high-resource / low-resource"
    legend = drawing.legend(handles=handles, loc="outside upper left", ncols=3, title=title)
    legend.set_alignment("left")


REFERENCE = "high_res_only"
COMPARED = ["round", "mean", "std"]
TICKS = (1, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
PIVOT = {"ls": "", "marker": "o", "mfc": "white", "mec": style.BLACK, "ms": 4.5, "mew": 1.2}
