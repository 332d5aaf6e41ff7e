"""Final accuracy against one setting: every seed, and the mean with its 95 % t interval.

What the figures of single settings share; a panel shows one setting on one split.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import method_labels, style, ticks
from zowarmup.common.errors import UserError

REFERENCE = "high_res_only"
NAMED, LINES = style.WIDTH / style.COLUMNS - 0.6, 2  # inches, lines: of the name of High Res Only
PAPER = {"color": style.GREY, "lw": 0.8, "ls": (0, (1, 1.5))}


@dataclass(frozen=True)
class Setting:
    """What a panel has on its x axis.

    Attributes:
        study: whose rows it shows.
        column: of the metrics.
        label: of the axis.
        log: a logarithmic axis; else the values stand side by side, whatever they are.
        by: the column that tells the lines apart.
        by_label: how a line is called; without it by the label of its method.
        paper: the paper's value.
    """

    study: str
    column: str
    label: str
    log: bool = True
    by: str = "method"
    by_label: str = ""
    paper: float | None = None

    def places(self, rows: pd.DataFrame) -> dict[Any, float]:
        """Where each value stands."""
        values = sorted(rows[self.column].dropna().unique())
        return {v: math.log10(v) if self.log else float(i) for i, v in enumerate(values)}


def figure(metrics: pd.DataFrame, *settings: Setting) -> Figure:
    """A panel for each setting whose study the metrics have, and each split.

    High Res Only of the study `main` is drawn where the study has none of its own.

    Raises:
        MetricsError: the metrics hold none of the studies.
        UserError: no run of a study has the setting.
    """
    final = m.final_rows(m.of_study(metrics, *(setting.study for setting in settings)))
    shown = [
        (setting, scale, split, rows)
        for setting in settings
        for scale, split, rows in m.by_split(_of(final, setting))
    ]
    drawing, grid = style.panels(len(shown), 2.3, sharey=len(settings) > 1)
    inches = drawing.get_figwidth() / min(len(shown), style.COLUMNS) - 0.6
    looks = _looks(final, settings[0])
    scales = m.scales(final)
    for i, (axes, (setting, scale, split, rows)) in enumerate(zip(grid, shown, strict=True)):
        if REFERENCE not in set(rows["method"]):
            reference_line(axes, reference(metrics, scale, split, setting.study))
        _lines(axes, rows, setting, looks)
        _x_axis(axes, rows, setting, inches)
        axes.set_title(style.split_title(split) if len(shown) < 3 else split, loc="left")
        if i % style.COLUMNS == 0 or len(scales) > 1:
            style.accuracy_label(axes, scale, scales, "final test accuracy, %")
    for axes in grid:  # only now: panels may share an axis
        clip(axes)
    title = style.SPLITS if len(shown) > 2 else None
    style.legend(drawing, _handles(final, looks, settings), title)
    return drawing


def _of(final: pd.DataFrame, setting: Setting) -> pd.DataFrame:
    """The study's rows that have the setting."""
    rows = final[final["study"] == setting.study]
    found = rows[rows[setting.column].notna()]
    if len(rows) and found.empty:
        raise UserError(
            f"no run of study {setting.study!r} has a {setting.column}: let the study vary it"
        )
    return found


def _looks(final: pd.DataFrame, setting: Setting) -> dict[Any, style.Line]:
    """One look per line, the same in all panels."""
    if setting.by == "method":
        return dict(style.lines(m.methods(final)))
    values = sorted(final[setting.by].dropna().unique())
    return dict(zip(values, itertools.cycle(style.OTHERS), strict=False))


def _lines(
    axes: Axes, rows: pd.DataFrame, setting: Setting, looks: Mapping[Any, style.Line]
) -> None:
    """Side by side at each value, so that no interval hides another."""
    places = setting.places(rows)
    present = [name for name in looks if (rows[setting.by] == name).any()]
    slot = 0.62 * gap(places) / len(present)
    for i, name in enumerate(present):
        shift = (i - (len(present) - 1) / 2) * slot
        moved = {value: place + shift for value, place in places.items()}
        line(axes, rows[rows[setting.by] == name], setting.column, moved, looks[name], 0.3 * slot)


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
    """One line: the seeds side by side, `width` wide and left of the mean, so that none is hidden.

    Args:
        places: where each value of the column stands.
    """
    values = [value for value in places if (rows[column] == value).any()]
    means: list[statistics.Estimate] = []
    for value in values:
        cell = rows[rows[column] == value]
        seeds = 100 * m.by_seed(cell)
        means.append(statistics.mean_interval(seeds))
        beside = places[value] - 1.3 * width + style.side_by_side(len(seeds), width)
        lost = cell.set_index("seed")["diverged"].sort_index()
        style.seeds(axes, beside, seeds, lost, look.color)
    x, y = [places[value] for value in values], [e.effect for e in means]
    ends = [[e.effect - e.low for e in means], [e.high - e.effect for e in means]]
    axes.plot(x, y, color=look.color, ls=look.style, lw=1)
    axes.errorbar(x, y, ends, color=look.color, ls="", marker=look.marker, capsize=2.5, ms=5)


def reference(
    metrics: pd.DataFrame, scale: tuple[str, str], split: str, study: str
) -> pd.DataFrame:
    """The final rows of High Res Only of the study `main`, else of this one; perhaps none."""
    rows = m.at_scale(metrics, scale)
    rows = rows[(rows["method"] == REFERENCE) & (rows["split"] == split)]
    rows = rows[rows["study"] == ("main" if (rows["study"] == "main").any() else study)]
    return rows if rows.empty else m.final_rows(rows)


def reference_line(axes: Axes, rows: pd.DataFrame) -> None:
    """High Res Only over the whole width with its interval, named where it lies."""
    if rows.empty:
        return
    estimate = statistics.mean_interval(100 * m.by_seed(rows))
    axes.axhspan(estimate.low, estimate.high, color=style.FAINT, alpha=0.5, lw=0, zorder=0)
    axes.axhline(estimate.effect, color=style.BLACK, ls=style.KNOWN[REFERENCE].style, lw=1)
    name = method_labels.wrapped(method_labels.labels(rows)[REFERENCE], NAMED, LINES)
    named = f"{name} {estimate.effect:.1f}"
    note = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
    halo = [withStroke(linewidth=2, foreground="white")]
    where = {"xycoords": ("axes fraction", "data"), "path_effects": halo}
    axes.annotate(method_labels.literal(named), (1, estimate.effect), **where, **note)


def clip(axes: Axes) -> None:
    """Accuracies end at 0 and 100 %; the interval of two seeds can be wider than that."""
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -1), min(high, 101))


def _x_axis(axes: Axes, rows: pd.DataFrame, setting: Setting, inches: float) -> None:
    places = setting.places(rows)
    x = list(places.values())
    margin = max(0.55 * gap(places), 0.06 * (max(x) - min(x)))
    axes.set_xlim(min(x) - margin, max(x) + margin)
    inch = (max(x) - min(x) + 2 * margin) / inches
    first = [i for i, value in enumerate(places) if value == setting.paper]
    axes.set_xticks(x, ticks.thinned([ticks.number(value) for value in places], x, inch, first))
    axes.set_xlabel(setting.label)
    if setting.paper in places:
        axes.axvline(places[setting.paper], **PAPER, zorder=0.5)


def _handles(
    final: pd.DataFrame, looks: Mapping[Any, style.Line], settings: tuple[Setting, ...]
) -> list[Line2D]:
    labels = method_labels.labels(final)
    called = settings[0].by_label
    handles = [
        Line2D([], [], **k.kwargs(), label=f"{called} {name:g}" if called else labels[name])
        for name, k in looks.items()
    ]
    handles[0].set_label(f"{handles[0].get_label()} (mean, 95 % interval)")
    paper = [s.paper for s in settings if s.paper in set(final[s.column])]
    if paper:
        handles.append(Line2D([], [], **PAPER, label="the paper's value"))
    return [*handles, style.seed_handle(), *style.diverged_handle(final)]
