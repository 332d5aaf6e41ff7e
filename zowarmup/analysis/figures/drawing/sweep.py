"""Final accuracy against one setting: every seed, and the mean with its 95 % t interval."""

import itertools
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import labels, style, ticks
from zowarmup.analysis.tables.table import values
from zowarmup.common.errors import UserError

REFERENCE = "high_res_only"
NAME = 34  # letters of High Res Only's label that fit into a panel
PAPER = {"color": style.GREY, "lw": 0.8, "ls": (0, (1, 1.5))}


@dataclass(frozen=True)
class Setting:
    """The x axis of a panel and the lines in it.

    Attributes:
        study: the rows of this study are shown.
        column: of the metrics.
        label: of the axis; `{rounds}` stands for the number of rounds.
        scale: "log", values side by side in "slots", or all "rounds" of the runs.
        by: the column that separates the lines.
        by_label: the start of a line's label; without it a line has the label of its method.
        paper: the paper's value; on a scale of rounds, as a fraction of them.
    """

    study: str
    column: str
    label: str
    scale: Literal["log", "slots", "rounds"] = "log"
    by: str = "method"
    by_label: str = ""
    paper: float | None = None

    def places(self, rows: pd.DataFrame) -> dict[Any, float]:
        """value -> its position on the axis. Texts keep their order, numbers are sorted."""
        points = list(rows[self.column].dropna().unique())
        if not isinstance(points[0], str):
            points.sort()
        if self.scale == "slots":
            return {point: float(i) for i, point in enumerate(points)}
        return {v: math.log10(v) if self.scale == "log" else float(v) for v in points}

    def paper_place(self, rows: pd.DataFrame) -> float | None:
        """The position of the paper's value, if the panel shows it."""
        if self.scale == "rounds" and self.paper is not None:
            return self.paper * float(rows["rounds"].max())
        return self.places(rows).get(self.paper)


@style.styled
def figure(metrics: pd.DataFrame, settings: Sequence[Setting]) -> Figure:
    """A panel for each setting whose study the metrics have, and each split.

    High Res Only of the study `main` is drawn where the study has none of its own.

    Raises:
        MetricsError: the metrics hold none of the studies.
        UserError: no run of a study has the setting.
    """
    final = m.final_rows(m.of_study(metrics, *(setting.study for setting in settings)))
    panels = [
        (setting, scale, split, rows)
        for setting in settings
        for scale, split, rows in m.by_split(_with_setting(final, setting))
    ]
    drawn = pd.concat([rows for *_, rows in panels])
    drawing, grid = style.panels(len(panels), 2.3, sharey=len(settings) > 1)
    inches = drawing.get_figwidth() / min(len(panels), style.COLUMNS) - 0.6
    looks, scales = style.lines(values(drawn, settings[0].by)), m.scales(drawn)
    for i, (axes, (setting, scale, split, rows)) in enumerate(zip(grid, panels, strict=True)):
        if REFERENCE not in set(rows["method"]):
            reference_line(axes, reference(metrics, scale, split, setting.study))
        _lines(axes, rows, setting, looks)
        _x_axis(axes, rows, setting, inches)
        axes.set_title(style.split_title(split) if len(panels) < 3 else split, loc="left")
        if i % style.COLUMNS == 0 or len(scales) > 1:
            style.accuracy_label(axes, scale, scales, "final test accuracy, %")
    for axes in grid:  # only now: panels may share an axis
        clip(axes)
    paper = any(setting.paper_place(rows) is not None for setting, _, _, rows in panels)
    handles = [
        *labels.handles(looks, _labels(drawn, looks, settings[0])),
        *([Line2D([], [], **PAPER, label="the paper's value")] if paper else []),
        labels.seed_handle(),
        *labels.diverged_handle(drawn),
    ]
    labels.legend(drawing, handles, labels.SPLITS if len(panels) > 2 else None)
    return drawing


def _with_setting(final: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The study's rows that have a value of the setting."""
    rows = final[final["study"] == setting.study]
    with_value = rows[rows[setting.column].notna()]
    if len(rows) and with_value.empty:
        raise UserError(
            f"no run of study {setting.study!r} has a {setting.column}: let the study vary it"
        )
    return with_value


def _labels(rows: pd.DataFrame, names: Iterable[Any], setting: Setting) -> dict[Any, str]:
    if setting.by == "method":
        return labels.of_methods(rows)
    return {name: f"{setting.by_label} {name:g}" for name in names}


def _lines(
    axes: Axes, rows: pd.DataFrame, setting: Setting, looks: Mapping[Any, style.Line]
) -> None:
    """Side by side at each value, so that no interval hides another."""
    places = setting.places(rows)
    present = [name for name in looks if (rows[setting.by] == name).any()]
    slot = 0.62 * gap(places) / len(present)
    for i, name in enumerate(present):
        shift = (i - (len(present) - 1) / 2) * slot
        shifted = {value: place + shift for value, place in places.items()}
        # Nothing lies between two texts, such as the names of networks.
        look = (
            replace(looks[name], style="") if isinstance(next(iter(places)), str) else looks[name]
        )
        line(axes, rows[rows[setting.by] == name], setting.column, shifted, look, 0.3 * slot)


def gap(places: Mapping[Any, float]) -> float:
    """The smallest distance between neighbours; 1 if there is only one."""
    x = sorted(places.values())
    return min((b - a for a, b in itertools.pairwise(x)), default=1.0)


def line(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    places: Mapping[Any, float],
    look: style.Line,
    width: float,
) -> None:
    """One line; left of each mean its seeds side by side, so that no dot is hidden.

    Args:
        rows: final rows, one per seed and value of the column.
        places: value of the column -> its position.
        width: of the seeds, in units of the axis.
    """
    points = [value for value in places if (rows[column] == value).any()]
    means: list[statistics.Estimate] = []
    for value in points:
        cell = rows[rows[column] == value]
        seeds = 100 * m.by_seed(cell)
        means.append(statistics.mean_interval(seeds))
        beside = places[value] - 1.3 * width + style.side_by_side(len(seeds), width)
        lost = cell.set_index("seed")["diverged"].sort_index()
        style.seeds(axes, beside, seeds, lost, look.color)
    x, y = [places[value] for value in points], [mean.effect for mean in means]
    ends = [[mean.effect - mean.low for mean in means], [mean.high - mean.effect for mean in means]]
    axes.plot(x, y, color=look.color, ls=look.style, lw=1)
    axes.errorbar(x, y, ends, color=look.color, ls="", marker=look.marker, capsize=2.5, ms=5)


def reference(
    metrics: pd.DataFrame, scale: tuple[str, str], split: str, study: str
) -> pd.DataFrame:
    """The final rows of High Res Only of the study `main`, or else of this one; perhaps none."""
    rows = m.at_scale(metrics, scale)
    rows = rows[(rows["method"] == REFERENCE) & (rows["split"] == split)]
    rows = rows[rows["study"] == ("main" if (rows["study"] == "main").any() else study)]
    return rows if rows.empty else m.final_rows(rows)


def reference_line(axes: Axes, rows: pd.DataFrame) -> None:
    """High Res Only over the whole width with its interval and its label."""
    if rows.empty:
        return
    mean = statistics.mean_interval(100 * m.by_seed(rows))
    axes.axhspan(mean.low, mean.high, color=style.FAINT, alpha=0.5, lw=0, zorder=0)
    axes.axhline(mean.effect, color=style.BLACK, ls=style.METHODS[REFERENCE].style, lw=1)
    name = textwrap.shorten(labels.of_methods(rows)[REFERENCE], NAME, placeholder="…")
    axes.annotate(
        labels.literal(f"{name} {mean.effect:.1f}"),
        (1, mean.effect),
        xycoords=("axes fraction", "data"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="right",
        va="bottom",
        path_effects=[withStroke(linewidth=2, foreground="white")],
    )


def clip(axes: Axes) -> None:
    """End the axis at 0 and 100 %; the interval of two seeds can be wider than that."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -1), min(high, 101))


def _x_axis(axes: Axes, rows: pd.DataFrame, setting: Setting, inches: float) -> None:
    """Limits, labels that do not touch, and the paper's value."""
    places, paper = setting.places(rows), setting.paper_place(rows)
    x, rounds = list(places.values()), float(rows["rounds"].max())
    margin = max(0.55 * gap(places), 0.06 * (max(x) - min(x)))
    low, high = (0, rounds) if setting.scale == "rounds" else (min(x) - margin, max(x) + margin)
    axes.set_xlim(low, high)
    first = [i for i, place in enumerate(x) if place == paper]
    texts = [ticks.number(value) for value in places]
    axes.set_xticks(x, ticks.thinned(texts, x, (high - low) / inches, first))
    axes.set_xlabel(setting.label.format(rounds=f"{rounds:.0f}"))
    if paper is not None:
        axes.axvline(paper, **PAPER, zorder=0.5)
