"""Test accuracy over training, by round and by bytes, one column of panels per split."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import expit, logit

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import curves, labels, style

CORE = ("high_res_only", "zowarmup", "zowarmup_high_only", "fedavg_all")
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
ENDS = (0.0005, 0.9995)  # a logistic scale has no end of its own
PIVOT = {"ls": "", "marker": "o", "mfc": "white", "mec": style.BLACK, "ms": 4.5, "mew": 1.2}
Curves = Mapping[str, pd.DataFrame]


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Mean and standard deviation over the seeds of the study `main`; the pivot is marked.

    The scale of accuracy is logistic, so that 90 and 98 % are as far apart as 50 and 84 %. Methods
    beyond the core have a row of panels of their own, with ZOWarmUp as a thin line. A run that
    diverged stays at its last accuracy, with a cross where it ended.
    """
    rows = m.of_study(metrics, "main")
    rows = rows.assign(test_accuracy=rows["test_accuracy"].clip(*ENDS))
    looks, splits = style.lines(m.methods(rows)), m.splits(rows)
    core = [name for name in looks if name in CORE] or list(looks)
    lines, scales = 2 + (len(core) < len(looks)), m.scales(rows)
    n, shared = lines * len(scales) * len(splits), {"sharex": "row", "sharey": "row"}
    drawing, grid = style.panels(n, 1.8, len(splits), style.WIDTH, **shared)
    blocks = np.array(grid, dtype=object).reshape(len(scales), lines, len(splits))
    for block, scale in zip(blocks, scales, strict=True):
        group = m.at_scale(rows, scale)
        for column, split in zip(block.T, splits, strict=True):
            _column(column, group[group["split"] == split], looks, core)
            for axes in column:
                style.title(axes, rows, scale, split)
                if not axes.lines:  # not every data set has every split and method
                    axes.remove()
        for shown in ([axes for axes in line if axes.lines] for line in block):
            if shown:
                shown[0].set_ylabel("test accuracy, % (logit)")
                shown[0].yaxis.set_tick_params(labelleft=True)
                _logistic(shown[0], group["test_accuracy"])
    names = labels.of_methods(rows)
    handles = [Line2D([], [], **look._asdict(), label=names[key]) for key, look in looks.items()]
    handles += [Line2D([], [], **PIVOT, label="pivot")] * bool(rows["pivot"].notna().any())
    beyond = "; last row: other methods, and ZOWarmUp thin" * (lines == 3)
    labels.legend(drawing, rows, handles, beyond)
    return drawing


def mean_curve(rows: pd.DataFrame) -> pd.DataFrame:
    """One method on one split, by `round`: `mean` and `std` of accuracy, total `bytes`.

    `pivot` and `diverged` say whether phase 2 starts, or a run ended too early, at this round.
    """
    curve = curves.mean_curve(rows)
    sent = (rows["bytes_up"] + rows["bytes_down"]).groupby(rows["round"]).mean()
    curve["bytes"] = curve["round"].map(sent)
    curve["pivot"] = curve["round"].isin(rows["pivot"].dropna())
    return curve


def _column(
    column: np.ndarray, rows: pd.DataFrame, looks: Mapping[str, style.Line], core: list[str]
) -> None:
    """The panels of one split: the core by round and by bytes, and the other methods by round."""
    # High Res Only comes last and lies on the curves that share its warm-up.
    every = {k: mean_curve(rows[rows["method"] == k]) for k in reversed(m.methods(rows))}
    first = {name: curve for name, curve in every.items() if name in core}
    others = {name: curve for name, curve in every.items() if name not in core}
    if first:
        _by_round(column[0], first, looks)
        _by_bytes(column[1], first, looks)
    if others:
        if "zowarmup" in first:
            thin = first["zowarmup"]
            column[2].plot(thin["round"], thin["mean"], color=style.VERMILION, lw=0.8, zorder=3)
        _by_round(column[2], others, looks)


def _logistic(axes: Axes, accuracy: pd.Series) -> None:
    """A logit axis over the range of the data and a little more."""
    low, high = logit(accuracy.min()) - 0.2, logit(accuracy.max()) + 0.2
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_yticks([percent / 100 for percent in TICKS], map(str, TICKS))
    axes.set_yticks([], minor=True)
    axes.set_ylim(expit(low), expit(high))


def _by_round(axes: Axes, drawn: Curves, looks: Mapping[str, style.Line]) -> None:
    for method, curve in drawn.items():
        curves.draw(axes, curve, "round", looks[method])
    for pivot in sorted({p for curve in drawn.values() for p in curve["round"][curve["pivot"]]}):
        axes.axvline(pivot, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)), zorder=0.5)
    axes.set_xlabel("round")


def _by_bytes(axes: Axes, drawn: Curves, looks: Mapping[str, style.Line]) -> None:
    axes.set_xscale("log")
    for method, curve in drawn.items():
        # Before round 1 nothing is sent, and a logarithmic axis has no zero.
        curve = curve[curve["bytes"] > 0]
        curves.draw(axes, curve, "bytes", looks[method])
        start = curve[curve["pivot"]]
        axes.plot(start["bytes"], start["mean"], **PIVOT, zorder=3)
    labels.decades(axes.xaxis, labels.BYTES)
    axes.set_xlabel("sent by all, up + down")
