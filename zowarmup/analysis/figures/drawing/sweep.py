"""Draw final accuracy against one setting: every seed, and the mean with its 95 % t interval."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.cells import REFERENCE, select, values
from zowarmup.common.errors import UserError

NAME = 34  # letters of High Res Only's label that fit into a panel
PAPER = {"color": style.GREY, "lw": 0.8, "ls": (0, (1, 1.5))}


@dataclass(frozen=True)
class Setting:
    """The x axis of a panel and the lines in it; call it with the metrics to draw the figure."""

    study: str
    column: str  # of the metrics
    label: str  # of the axis; `{rounds}` stands for the number of rounds
    scale: Literal["log", "slots", "rounds"] = "log"  # slots: values side by side
    by: str = "method"  # the column that separates the lines
    by_label: str = ""  # starts a line's label, unless the lines are methods
    paper: float | None = None  # the paper's value; a fraction if scale is "rounds"

    def __call__(self, metrics: pd.DataFrame) -> Figure:
        """Draw the figure of this setting alone."""
        return figure(metrics, [self])

    def places(self, rows: pd.DataFrame) -> dict[Any, float]:
        """Return value -> position on the axis. Texts keep their order, numbers are sorted."""
        points = list(rows[self.column].dropna().unique())
        if not isinstance(points[0], str):
            points.sort()
        if self.scale == "slots":
            return {point: float(i) for i, point in enumerate(points)}
        return {v: math.log10(v) if self.scale == "log" else float(v) for v in points}

    def paper_place(self, rows: pd.DataFrame) -> float | None:
        """Return the position of the paper's value, if the panel shows it."""
        if self.scale == "rounds" and self.paper is not None:
            return self.paper * float(rows["rounds"].max())
        return self.places(rows).get(self.paper)


@style.styled
def figure(metrics: pd.DataFrame, settings: Sequence[Setting]) -> Figure:
    """Draw a panel for each split and each setting whose study is in the metrics.

    If a study has no High Res Only, that of the study `main` is drawn.

    Raises:
        MetricsError: the metrics hold none of the studies.
        UserError: no run of a study has the setting.
    """
    final = m.final_rows(m.of_study(metrics, *(setting.study for setting in settings)))
    panels = [
        (setting, *panel)
        for setting in settings
        for panel in m.by_split(_with_setting(final, setting))
    ]
    drawn, first = pd.concat([rows for *_, rows in panels]), settings[0]
    drawing, grid = style.panels(len(panels), 2.3, label=style.ACCURACY, sharey=len(settings) > 1)
    looks = style.lines(values(drawn, first.by))
    for axes, (setting, scale, split, rows) in zip(grid, panels, strict=True):
        if REFERENCE not in set(rows["method"]):
            every = select(m.at_scale(metrics, scale), split=split, method=REFERENCE)
            # Other seeds would move the line beside the dots without any effect of the setting.
            _reference(axes, every[every["seed"].isin(rows["seed"])], setting.study)
        _lines(axes, rows, setting, looks)
        _x_axis(axes, rows, setting)
        style.title(axes, drawn, scale, split)
    for axes in grid:  # after all are drawn: panels may share an axis
        clip(axes)
    names: Mapping[Any, str] = {k: f"{first.by_label} {style.number(k)}" for k in looks}
    handles = style.handles(looks, style.of_methods(drawn) if first.by == "method" else names)
    if any(setting.paper_place(rows) is not None for setting, _, _, rows in panels):
        handles.append(Line2D([], [], **PAPER, label="the paper's value"))
    style.legend(drawing, drawn, [*handles, style.seed_handle()])
    return drawing


def _with_setting(final: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """Return the study's rows that have a value of the setting."""
    rows = final[final["study"] == setting.study]
    with_value = rows[rows[setting.column].notna()]
    if len(rows) and with_value.empty:
        raise UserError(
            f"no run of study {setting.study!r} has a {setting.column}; let the study vary it"
        )
    return with_value


def _lines(
    axes: Axes, rows: pd.DataFrame, setting: Setting, looks: Mapping[Any, style.Line]
) -> None:
    """Draw the lines side by side at each value, so that no interval hides another."""
    places, groups = setting.places(rows), dict(list(rows.groupby(setting.by)))
    # No line joins texts, such as the names of networks: nothing lies between two of them.
    gaps = {"linestyle": ""} if any(isinstance(value, str) for value in places) else {}
    present = [name for name in looks if name in groups]
    slot = 0.62 * gap(places) / len(present)
    shifts = style.side_by_side(len(present), slot * (len(present) - 1))
    for name, shift in zip(present, shifts, strict=True):
        cells = groups[name].groupby(setting.column)
        shifted = {places[value] + shift: cell for value, cell in cells}
        line(axes, shifted, looks[name]._replace(**gaps), 0.3 * slot)


def gap(places: Mapping[Any, float]) -> float:
    """Return the smallest distance between neighbouring places; 1 if there is only one place."""
    return min(np.diff(sorted(places.values())), default=1.0)


def line(axes: Axes, cells: Mapping[float, pd.DataFrame], look: style.Line, width: float) -> None:
    """Draw one line; left of each mean its seeds stand side by side, `width` wide.

    `cells`: position on the axis -> final rows, one per seed.
    """
    means = []
    for place, cell in cells.items():
        seeds = 100 * m.by_seed(cell).to_numpy()
        beside = place - 1.3 * width + style.side_by_side(len(seeds), width)
        style.seeds(axes, beside, seeds, m.by_seed(cell, "diverged"), look.color)
        means.append(statistics.mean_interval(seeds))
    x, y = list(cells), [mean.effect for mean in means]
    ends = [[mean.effect - mean.low for mean in means], [mean.high - mean.effect for mean in means]]
    axes.plot(x, y, color=look.color, ls=look.linestyle, lw=1)
    axes.errorbar(
        list(cells), y, ends, color=look.color, ls="", marker=look.marker, capsize=2.5, ms=5
    )


def _reference(axes: Axes, rows: pd.DataFrame, study: str) -> None:
    """Draw High Res Only over the whole width, from the study `main` or else from `study`."""
    rows = rows[rows["study"] == ("main" if (rows["study"] == "main").any() else study)]
    if rows.empty:
        return
    mean = statistics.mean_interval(100 * m.by_seed(m.final_rows(rows)))
    axes.axhspan(mean.low, mean.high, color=style.FAINT, alpha=0.5, lw=0, zorder=0)
    axes.axhline(mean.effect, color=style.BLACK, ls=style.METHODS[REFERENCE].linestyle, lw=1)
    name = textwrap.shorten(style.of_methods(rows)[REFERENCE], NAME, placeholder="…")
    text, above = style.literal(f"{name} {mean.effect:.1f}"), axes.get_yaxis_transform()
    axes.text(
        1, mean.effect, text, transform=above, ha="right", va="bottom", path_effects=style.HALO
    )


def clip(axes: Axes) -> None:
    """End the axis at 0 and 100 %; the interval of two seeds can be wider than that."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -1), min(high, 101))


def _x_axis(axes: Axes, rows: pd.DataFrame, setting: Setting) -> None:
    """Set limits and labels that do not touch, and draw the paper's value."""
    places, paper = setting.places(rows), setting.paper_place(rows)
    x, rounds = list(places.values()), float(rows["rounds"].max())
    margin = max(0.55 * gap(places), 0.06 * (max(x) - min(x)))
    low, high = (0, rounds) if setting.scale == "rounds" else (min(x) - margin, max(x) + margin)
    axes.set_xlim(low, high)
    texts = [style.number(value) for value in places]
    axes.set_xticks(x, texts if setting.scale == "slots" else style.staggered(texts))
    axes.set_xlabel(setting.label.format(rounds=f"{rounds:.0f}"))
    if paper is not None:
        axes.axvline(paper, **PAPER, zorder=0.5)
