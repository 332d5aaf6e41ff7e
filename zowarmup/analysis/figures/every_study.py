"""Every run of every study: also of studies and settings of the user's own."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.cells import select

NAME, LINE = 2.6, 0.12  # inches: width of a run's name, height of one of its lines


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """Draw all seeds of each run with mean and spread, a panel by study, data, network, split."""
    final = m.final_rows(metrics)
    groups = [
        (study, *group)
        for study in final["study"].unique()
        for group in m.by_split(select(final, study=study))
    ]
    names = {run: style.wrapped(run, NAME) for run in final["run"].unique()}
    line = max(0.24, LINE * max(1 + name.count("\n") for name in names.values()))
    most = max(rows["run"].nunique() for *_, rows in groups)
    drawing, grid = style.panels(len(groups), 0.6 + line * most, 1, style.WIDTH)
    for axes, (study, scale, split, rows) in zip(grid, groups, strict=True):
        runs = [*rows["run"].unique()]
        for place, run in enumerate(runs):
            _run(axes, place, select(rows, run=run).drop_duplicates("seed"))
        _axes(axes, [names[run] for run in runs])
        style.title(axes, final, scale, split, f": study {study}")
    handles = [style.seed_handle("one seed")]
    mean = Line2D([], [], color=style.BLACK, marker="|", ls="-", label="mean ± std")
    style.legend(drawing, final, [*handles, mean])
    return drawing


def _run(axes: Axes, place: int, rows: pd.DataFrame) -> None:
    """Draw one run at a place of the y axis."""
    accuracy = 100 * m.by_seed(rows)
    y = place + style.side_by_side(len(accuracy), 0.4)
    style.seeds(axes, accuracy.to_numpy(), y, m.by_seed(rows, "diverged"), style.BLUE)
    axes.errorbar(accuracy.mean(), place, xerr=accuracy.std(), color=style.BLUE, marker="|", ms=9)


def _axes(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), map(style.literal, names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(style.ACCURACY)
