"""Final accuracy against what one low-resource client sends and receives in all."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.figures.drawing import method_labels, style, sweep, ticks
from zowarmup.analysis.tables import cells

NONE = 0.85  # how many powers of ten below the smallest number none stands


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """One point per method, one panel per split; methods without those clients stand on the left.

    Args:
        metrics: with the study `main`.
        federation: not needed.
    """
    final = m.final_rows(m.of_study(metrics, "main"))
    final = final.assign(sent=cells.low_client_bytes(final))
    final = final[final["sent"].notna()]
    groups, looks = list(m.by_split(final)), style.lines(m.methods(final))
    drawing, grid = style.panels(len(groups), 2.2)
    drawing.set_figwidth(style.WIDTH)
    places, scales = _places(final["sent"]), m.scales(final)
    for i, (axes, (scale, split, rows)) in enumerate(zip(grid, groups, strict=True)):
        silent = [method for method in m.methods(rows) if _silent(rows, method)]
        beside = dict(zip(silent, style.side_by_side(len(silent), 0.45), strict=True))
        for method in m.methods(rows):
            here = rows[rows["method"] == method]
            x = here["sent"].map(places).mean() + beside.get(method, 0.0)
            _point(axes, here, x, looks[method])
        _x_axis(axes, final["sent"])
        sweep.clip(axes)
        axes.set_title(split, loc="left")
        if i % style.COLUMNS == 0 or len(scales) > 1:
            style.accuracy_label(axes, scale, scales, "final test accuracy, %")
    style.legend(drawing, _handles(final, looks), style.SPLITS)
    return drawing


def _ends(sent: pd.Series) -> tuple[int, int]:
    """The powers of ten between which all bytes lie that are not none."""
    some = sent[sent > 0]
    if some.empty:
        return 0, 1
    return math.floor(math.log10(some.min())), math.ceil(math.log10(some.max()))


def _places(sent: pd.Series) -> dict[float, float]:
    """Where each number of bytes stands: its logarithm, and none a power below the smallest."""
    low, _ = _ends(sent)
    return {value: math.log10(value) if value > 0 else low - NONE for value in sent.unique()}


def _silent(rows: pd.DataFrame, method: str) -> bool:
    """Whether low-resource clients have no part in the method."""
    return bool((rows.loc[rows["method"] == method, "sent"] == 0).all())


def _point(axes: Axes, rows: pd.DataFrame, x: float, look: style.Line) -> None:
    values = 100 * m.by_seed(rows)
    lost = rows.set_index("seed")["diverged"].sort_index()
    style.seeds(axes, x - 0.12 + style.side_by_side(len(values), 0.1), values, lost, look.color)
    estimate = statistics.mean_interval(values)
    ends = [[estimate.effect - estimate.low], [estimate.high - estimate.effect]]
    axes.errorbar(x, estimate.effect, ends, color=look.color, marker=look.marker, capsize=2, ms=5.5)


def _x_axis(axes: Axes, sent: pd.Series) -> None:
    low, high = _ends(sent)
    powers = list(range(low, high + 1))
    none = [low - NONE] if (sent == 0).any() else []
    texts = ["none"] * len(none) + [ticks.of_bytes(10.0**power) for power in powers]
    axes.set_xticks([*none, *powers], texts)
    if none:
        axes.axvline(low - 0.3, color=style.GREY, lw=0.6)
    axes.set_xlim((none or [low])[0] - 0.5, high + 0.15)
    axes.set_xlabel("up + down of one low-resource client")


def _handles(final: pd.DataFrame, looks: dict[str, style.Line]) -> list[Line2D]:
    labels = method_labels.labels(final)
    named = [
        Line2D([], [], color=k.color, marker=k.marker, ls="", ms=5.5, label=labels[name])
        for name, k in looks.items()
    ]
    named[0].set_label(f"{named[0].get_label()} (mean, 95 % interval)")
    return [*named, style.seed_handle(), *style.diverged_handle(final)]
