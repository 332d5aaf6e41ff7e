"""Test accuracy over training, by round and by bytes, one column of panels per split."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import expit, logit

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, labels, style, ticks

REFERENCE = "high_res_only"
CORE = ("high_res_only", "zowarmup", "zowarmup_high_only", "fedavg_all")
COMPARED = ["round", "mean", "std"]
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
ENDS = (0.0005, 0.9995)  # a logistic scale has no end of its own
PIVOT = {"ls": "", "marker": "o", "mfc": "white", "mec": style.BLACK, "ms": 4.5, "mew": 1.2}
Curves = Mapping[str, pd.DataFrame]


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Mean and standard deviation over the seeds of the study `main`; the pivot is marked.

    The scale of accuracy is logistic, so that 90 and 98 % are as far apart as 50 and 84 %. Methods
    that share their warm-up with High Res Only are drawn from the pivot on. Methods beyond the core
    of the comparison have a row of panels of their own, with ZOWarmUp as a thin line.

    A run that diverged stays at its last accuracy (and is marked with a cross where it ended), so
    that the mean is never one over survivors only.
    """
    rows = m.of_study(metrics, "main")
    rows = rows.assign(test_accuracy=rows["test_accuracy"].clip(*ENDS))
    looks, scales = style.lines(m.methods(rows)), m.scales(rows)
    groups = [(scale, m.at_scale(rows, scale)) for scale in scales]
    lines = 2 if len({_is_core(looks, name) for name in looks}) == 1 else 3
    height, columns = lines * len(groups), len(m.splits(rows))
    drawing, grid = style.panels(
        height * columns, 1.8, columns, width=style.WIDTH, sharex="row", sharey="row"
    )
    blocks = np.array(grid, dtype=object).reshape(len(groups), lines, columns)
    for block, (scale, group) in zip(blocks, groups, strict=True):
        for column, split in zip(block.T, m.splits(rows), strict=True):
            _column(column, _curves(group[group["split"] == split]), looks, split)
        for line in block:
            shown = [axes for axes in line if axes in drawing.axes]
            if shown:
                style.accuracy_label(shown[0], scale, scales, "test accuracy, % (logit)")
                shown[0].yaxis.set_tick_params(labelleft=True)
                _logistic(shown[0], group["test_accuracy"])
    names = labels.of_methods(rows)
    handles = [Line2D([], [], **look.kwargs(), label=names[key]) for key, look in looks.items()]
    handles += [Line2D([], [], **PIVOT, label="pivot")] * bool(rows["pivot"].notna().any())
    beyond = "; last row: other methods, and ZOWarmUp thin" * (lines == 3)
    labels.legend(drawing, handles + labels.diverged_handle(rows), labels.SPLITS + beyond)
    return drawing


def _is_core(methods: Mapping[str, object], method: str) -> bool:
    """Whether the method is of the core; all methods are where none of them is."""
    return method in CORE or not set(methods) & set(CORE)


def mean_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """One method on one split, by `round`: `mean` and `std` of accuracy, total `bytes`.

    `pivot` and `diverged` say whether phase 2 starts, or a run ended too early, at this round.
    """
    curve = curves.mean_curve(rows)
    sent = (rows["bytes_up"] + rows["bytes_down"]).groupby(rows["round"]).mean()
    curve["bytes"] = curve["round"].map(sent)
    curve["pivot"] = curve["round"].isin(rows["pivot"].dropna())
    return curve


def _column(column: np.ndarray, drawn: Curves, looks: Mapping[str, style.Line], split: str) -> None:
    """The panels of one split: the core by round and by bytes, and the other methods by round."""
    core = {name: curve for name, curve in drawn.items() if _is_core(looks, name)}
    others = {name: curve for name, curve in drawn.items() if name not in core}
    if core:
        _by_round(column[0], core, looks, split)
        _by_bytes(column[1], core, looks)
    if others:
        if "zowarmup" in core:
            first = core["zowarmup"]
            column[2].plot(first["round"], first["mean"], color=style.VERMILION, lw=0.8, zorder=3)
        _by_round(column[2], others, looks, split)
    for axes in column:  # not every data set has every split, and not every split other methods
        if not axes.lines:
            axes.remove()


def _curves(rows: pd.DataFrame) -> Curves:
    """Each method's curve; one that equals the reference's up to its pivot starts there."""
    every = {method: mean_curve(rows[rows["method"] == method]) for method in m.methods(rows)}
    first = every.get(REFERENCE)
    return {
        method: curve if first is None or method == REFERENCE else _own_part(curve, first)
        for method, curve in every.items()
    }


def _own_part(curve: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """The curve from its pivot on if it equals the other one until then, else the whole curve."""
    if not curve["pivot"].any():
        return curve
    start = curve["round"][curve["pivot"]].min()
    shared = curve[curve["round"] <= start].reset_index(drop=True)
    same = shared[COMPARED].equals(other.loc[other["round"] <= start, COMPARED])
    return curve[curve["round"] >= start] if same else curve


def _logistic(axes: Axes, accuracy: pd.Series) -> None:
    """A logit axis over the range of the data and a little more."""
    low, high = logit(accuracy.min()) - 0.2, logit(accuracy.max()) + 0.2
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_yticks([percent / 100 for percent in TICKS], map(str, TICKS))
    axes.set_yticks([], minor=True)
    axes.set_ylim(expit(low), expit(high))


def _by_round(axes: Axes, drawn: Curves, looks: Mapping[str, style.Line], split: str) -> None:
    for method, curve in drawn.items():
        curves.draw(axes, curve, "round", looks[method])
    pivots = sorted({p for curve in drawn.values() for p in curve["round"][curve["pivot"]]})
    for pivot in pivots:
        axes.axvline(pivot, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    if len(pivots) == 1:
        axes.set_xticks([0, *pivots, max(curve["round"].max() for curve in drawn.values())])
    axes.set_title(split, loc="left")
    axes.set_xlabel("round")


def _by_bytes(axes: Axes, drawn: Curves, looks: Mapping[str, style.Line]) -> None:
    axes.set_xscale("log")
    for method, curve in drawn.items():
        # Before round 1 nothing is sent, and a logarithmic axis has no zero.
        curve = curve[curve["bytes"] > 0]
        curves.draw(axes, curve, "bytes", looks[method])
        start = curve[curve["pivot"]]
        axes.plot(start["bytes"], start["mean"], **PIVOT, zorder=3)
    ticks.decades(axes.xaxis, ticks.BYTES)
    axes.set_xlabel("sent by all, up + down")
