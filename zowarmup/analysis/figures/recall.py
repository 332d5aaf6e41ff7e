"""Recall on the classes that the high-resource clients lack, before and after the second phase."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.display import whole

NAME, LINE = 2.6, 0.12  # inches: width of a method's label, height of one of its lines
BEFORE = {"marker": "o", "mfc": "white", "ms": 5, "mew": 1.2, "ls": ""}
AFTER = {"marker": "o", "ms": 5, "lw": 1}


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Draw the recall at the pivot's round (open) and at the end (filled), one panel per split.

    Each run has its own pivot, and one of one phase ZOWarmUp's. Splits and seeds in which the
    high-resource clients lack no class are left out; where they never do, the figure says so.

    Raises:
        MetricsError: the study `main` has no row.
    """
    rows = m.of_study(metrics, "main")
    rows = rows[rows["missing_recall"].notna()]
    if rows.empty:  # it depends on the data, and training is done
        drawing, (axes,) = style.panels(1, 1.0)
        axes.text(0.5, 0.5, "high-resource clients lack no class", ha="center", va="center")
        axes.set_axis_off()
        return drawing
    groups, methods = list(m.by_split(rows)), m.methods(rows)
    every, looks = style.of_methods(rows), style.lines(methods)
    names = [style.wrapped(every[method], NAME) for method in methods]
    height = max(0.24, LINE * max(1 + name.count("\n") for name in names))
    height = 0.5 + height * len(methods)
    drawing, grid = style.panels(len(groups), height, width=style.WIDTH, sharey=True)
    for axes, (scale, split, group) in zip(grid, groups, strict=True):
        group = group.assign(pivot=_pivots(group))
        for place, method in enumerate(methods):
            part = group[group["method"] == method]
            if len(part):
                _dumbbell(axes, place, part, looks[method].color)
        _axes(axes, names, m.at_scale(rows, scale)["missing_recall"].max())
        lacked = m.last_rows(group)["missing_classes"].mean()
        style.title(axes, rows, scale, split, f": {whole(lacked)} lacked")
    black = {"color": style.BLACK, **AFTER}
    handles = [
        Line2D([], [], mec=style.BLACK, **BEFORE, label="at the pivot's round (mean)"),
        Line2D([], [], **black, label="at the end (mean, 95 % interval)"),
        style.seed_handle("one seed at the end"),
    ]
    style.legend(drawing, rows, handles)
    return drawing


def _pivots(rows: pd.DataFrame) -> pd.Series:
    """Return the pivot of each row's run; a run of one phase gets the usual one, NaN for none.

    That is the most frequent of ZOWarmUp's runs or, without them, of all runs.
    """
    runs = m.last_rows(rows).dropna(subset="pivot")
    warmed = runs[runs["method"] == "zowarmup"]
    usual = (warmed if len(warmed) else runs)["pivot"].mode()
    return rows["pivot"].fillna(usual.min())


def _dumbbell(axes: Axes, place: int, rows: pd.DataFrame, color: str) -> None:
    """Draw one method at a place of the y axis; without a pivot only its recall at the end."""
    last = m.last_rows(rows)
    end = 100 * m.by_seed(last, "missing_recall").to_numpy()
    y = place + style.side_by_side(len(end), 0.4)
    style.seeds(axes, end, y, m.by_seed(last, "diverged"), color)
    mean = statistics.mean_interval(end)
    until = rows[rows["round"] <= rows["pivot"]]
    if len(until):
        until = m.last_rows(until)
        before = 100 * m.by_seed(until, "missing_recall").mean()
        axes.plot([before, mean.effect], [place, place], color=color, lw=2.2, alpha=0.45)
        axes.plot(before, place, mec=color, **BEFORE)
    ends = [[mean.effect - mean.low], [mean.high - mean.effect]]
    axes.errorbar(mean.effect, place, xerr=ends, color=color, capsize=2.5, **AFTER)


def _axes(axes: Axes, names: list[str], best: float) -> None:
    """Set up the axes; recall ends at 100 %, or at twice the best recall if that is less."""
    top = min(100.0, 200 * best) or 100.0
    axes.set_yticks(range(len(names)), map(style.literal, names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(-0.03 * top, 1.03 * top)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("recall on lacked classes, %")
