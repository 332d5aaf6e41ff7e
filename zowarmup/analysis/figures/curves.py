"""Figures of measurements over training: mean over seeds in a band of ± one standard deviation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.special import expit, logit

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.cells import select, values
from zowarmup.analysis.tables.cells import steps as steps_of_client

CORE = ("high_res_only", "zowarmup", "zowarmup_high_only", "fedavg_all")
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 90, 95, 98, 99, 99.5)
ENDS = (0.0005, 0.9995)  # a logistic scale never reaches 0 and 1
PIVOT = {"ls": "", "marker": "o", "mfc": "white", "mec": style.BLACK, "ms": 4.5, "mew": 1.2}
Curves = Mapping[str, pd.DataFrame]
SHOWN = {
    "test_accuracy": "test accuracy, %",
    "train_loss": "training loss of all clients",
    "drift": "drift of the clients' models",
}
LABELS = {
    "directional": "limit for eps → 0, by backpropagation",
    "two_point": "two-point differences, the paper's",
}


def mean_curve(rows: pd.DataFrame, column: str = "test_accuracy", smooth: int = 1) -> pd.DataFrame:
    """Return a row per `round` of a cell: `mean` and `std` of a column over seeds, all `bytes`.

    `pivot` says whether phase 2 starts at this round, `diverged` whether a run ended early there. A
    diverged run stays at its last finite value, so the mean is never one over survivors only. Each
    value is averaged with its neighbours in the run, over `smooth` rows.

    Raises:
        MetricsError: two runs have the same seed, so the rows are not one cell of a study.
    """
    m.by_seed(m.last_rows(rows))
    finite = rows[column].where(np.isfinite(rows[column]))
    values = rows.assign(value=finite).pivot(index="round", columns="seed", values="value").ffill()
    values = values.rolling(smooth, min_periods=1, center=True).mean()
    curve = pd.DataFrame({"mean": values.mean(axis=1), "std": values.std(axis=1).fillna(0.0)})
    curve["diverged"] = rows.groupby("round")["diverged"].any()
    curve["bytes"] = (rows["bytes_up"] + rows["bytes_down"]).groupby(rows["round"]).mean()
    curve["pivot"] = curve.index.isin(rows["pivot"].dropna())
    return curve.reset_index()


def draw(axes: Axes, curve: pd.DataFrame, x: str, look: style.Line, **kwargs: Any) -> None:
    """Draw band and mean of a curve, a marker at its end, and a cross where a run diverged."""
    low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
    axes.fill_between(curve[x], low, high, color=look.color, alpha=0.18, lw=0)
    axes.plot(curve[x], curve["mean"], color=look.color, ls=look.linestyle, **kwargs)
    ends = curve.tail(1)
    axes.plot(ends[x], ends["mean"], color=look.color, marker=look.marker, clip_on=False)
    lost = curve[curve["diverged"]]
    axes.plot(lost[x], lost["mean"], color=look.color, **style.DIVERGED)


@style.styled
def training_curves(metrics: pd.DataFrame) -> Figure:
    """Draw mean and standard deviation over the seeds of the study `main`, and mark the pivot.

    The scale of accuracy is logistic, so that 90 and 98 % are as far apart as 50 and 84 %. Methods
    outside CORE get another row of panels, in which ZOWarmUp is a thin line. A run that diverged
    stays at its last accuracy, and a cross shows where it ended.
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
    names = style.of_methods(rows)
    handles = [Line2D([], [], **look._asdict(), label=names[key]) for key, look in looks.items()]
    handles += [Line2D([], [], **PIVOT, label="pivot")] * bool(rows["pivot"].notna().any())
    beyond = "; last row: other methods, and ZOWarmUp thin" * (lines == 3)
    style.legend(drawing, rows, handles, beyond)
    return drawing


def _column(
    column: np.ndarray, rows: pd.DataFrame, looks: Mapping[str, style.Line], core: list[str]
) -> None:
    """Draw the panels of one split: CORE by round and by bytes, the other methods by round."""
    # High Res Only is drawn last, on top of the curves that share its warm-up.
    every = {k: mean_curve(rows[rows["method"] == k]) for k in reversed(m.methods(rows))}
    first = {name: curve for name, curve in every.items() if name in core}
    others = {name: curve for name, curve in every.items() if name not in core}
    if first:
        panel(column[0], first, looks, "round")
        column[1].set_xscale("log")
        panel(column[1], first, looks, "bytes")
        style.decades(column[1].xaxis, style.BYTES)
        column[1].set_xlabel("sent by all, up + down")
    if others:
        if "zowarmup" in first:
            thin = first["zowarmup"]
            column[2].plot(thin["round"], thin["mean"], color=style.VERMILION, lw=0.8, zorder=3)
        panel(column[2], others, looks, "round")


def _logistic(axes: Axes, accuracy: pd.Series) -> None:
    """Give the panel a logit axis that is slightly longer than the range of the data."""
    low, high = logit(accuracy.min()) - 0.2, logit(accuracy.max()) + 0.2
    axes.set_yscale("logit", nonpositive="clip")
    axes.set_yticks([percent / 100 for percent in TICKS], map(str, TICKS))
    axes.set_yticks([], minor=True)
    axes.set_ylim(expit(low), expit(high))


def panel(axes: Axes, drawn: Curves, looks: Mapping[str, style.Line], x: str) -> None:
    """Draw the curves over the rounds or the bytes, and mark their pivots."""
    for method, curve in drawn.items():
        # Before round 1 nothing is sent, and a logarithmic axis has no zero.
        curve = curve[curve["bytes"] > 0] if x == "bytes" else curve
        draw(axes, curve, x, looks[method])
        start = curve[curve["pivot"]]
        axes.plot(start[x], start["mean"], **PIVOT, zorder=3)
    axes.set_xlabel(x)


@style.styled
def steps(metrics: pd.DataFrame) -> Figure:
    """Compare one full-batch step of a client per round with several steps: the study `steps`."""
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
    """Compare the paper's finite differences with their limit: the study `estimator`.

    Both start from the same model; only seeds that ran with every estimator are shown.
    """
    rows = _phase_2(metrics, "estimator")
    split = [*m.SCALE, "split"]
    every = rows.groupby(split)["estimator"].transform("nunique")
    rows = rows[rows.groupby([*split, "seed"])["estimator"].transform("nunique") == every]
    if rows.empty:
        raise m.MetricsError(
            "the study estimator has no seed with every estimator; give its variants common seeds"
        )
    rows = rows.assign(x=rows["round"], variant=rows["estimator"])
    names = {k: LABELS[k] for k in values(rows, "estimator")}
    return _figure(rows, names, ["test_accuracy", "train_loss"], "round")


def _phase_2(metrics: pd.DataFrame, study: str) -> pd.DataFrame:
    """Return the study's rows from the pivot on, with accuracies in per cent."""
    rows = m.of_study(metrics, study)
    rows = rows[rows["round"] >= rows["pivot"].fillna(0)]
    return rows.assign(test_accuracy=100 * rows["test_accuracy"])


def _figure(rows: pd.DataFrame, names: dict[str, str], columns: list[str], x: str) -> Figure:
    """Draw a panel for each split and measurement, with a curve over `x` for each variant."""
    looks = style.lines(names)
    panels = [(*group, column) for group in m.by_split(rows) for column in columns]
    drawing, grid = style.panels(len(panels), 2.3, columns=len(columns))
    for axes, (scale, split, group, column) in zip(grid, panels, strict=True):
        for name in reversed(looks):  # dashed lines are drawn on top of solid lines
            _curve(axes, select(group, variant=name), column, looks[name])
        if column != "test_accuracy":  # on a linear axis one curve can flatten the rest
            axes.set_yscale("log")
            style.decades(axes.yaxis)
        axes.set_ylabel(SHOWN[column])
        axes.set_xlabel(x)
        if column == columns[0]:
            seeds = ", ".join(map(str, sorted(group["seed"].unique())))
            style.title(axes, rows, scale, split, f"; seeds: {seeds}")
    style.legend(drawing, rows, style.handles(looks, names, style.SPREAD))
    return drawing


def _curve(axes: Axes, rows: pd.DataFrame, column: str, look: style.Line) -> None:
    """Draw one variant; if a run diverged only its accuracy, as its losses would hide the rest."""
    measured = rows[rows[column].notna() | rows["diverged"]]
    if rows[column].isna().all() or (column != "test_accuracy" and rows["diverged"].any()):
        return
    curve = mean_curve(measured, column)
    curve["x"] = curve["round"].map(rows.groupby("round")["x"].mean())
    draw(axes, curve, "x", look, lw=1.1)
