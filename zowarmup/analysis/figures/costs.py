"""Final accuracy against the bytes that one low-resource client sends and receives in all."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import labels, style, sweep, ticks
from zowarmup.analysis.tables import cells

NONE = 0.85  # zero bytes stand this number of decades below the smallest number


@style.styled
def figure(metrics: pd.DataFrame) -> Figure:
    """One point per method of the study `main`, one panel per split.

    Methods without low-resource clients stand on the left.
    """
    final = m.final_rows(m.of_study(metrics, "main"))
    final = final.assign(sent=cells.low_client_bytes(final)).dropna(subset="sent")
    looks = {k: replace(look, style="") for k, look in style.lines(m.methods(final)).items()}
    groups, scales = list(m.by_split(final)), m.scales(final)
    drawing, grid = style.panels(len(groups), 2.2, width=style.WIDTH)
    for i, (axes, (scale, split, rows)) in enumerate(zip(grid, groups, strict=True)):
        for method, x in places(rows, _decades(final["sent"])[0]).items():
            of_method = rows[rows["method"] == method]
            sweep.line(axes, of_method, "method", {method: x}, looks[method], 0.1)
        _x_axis(axes, final["sent"], style.WIDTH / min(len(groups), style.COLUMNS) - 0.6)
        sweep.clip(axes)
        axes.set_title(split, loc="left")
        if i % style.COLUMNS == 0 or len(scales) > 1:
            style.accuracy_label(axes, scale, scales, "final test accuracy, %")
    handles = labels.handles(looks, labels.of_methods(final))
    handles += [labels.seed_handle(), *labels.diverged_handle(final)]
    labels.legend(drawing, handles, labels.SPLITS)
    return drawing


def places(rows: pd.DataFrame, low: float) -> dict[str, float]:
    """method -> the logarithm of its bytes; methods that send none side by side below `low`."""
    logarithm = np.log10(rows["sent"].where(rows["sent"] > 0)).fillna(low - NONE)
    x = {method: logarithm[rows["method"] == method].mean() for method in m.methods(rows)}
    silent = [method for method in x if x[method] == low - NONE]
    beside = style.side_by_side(len(silent), 0.45)
    return x | dict(zip(silent, low - NONE + beside, strict=True))


def _decades(sent: pd.Series) -> tuple[int, int]:
    """The powers of ten on both sides of all bytes above zero."""
    some = np.log10(sent[sent > 0])
    return (0, 1) if some.empty else (int(np.floor(some.min())), int(np.ceil(some.max())))


def _x_axis(axes: Axes, sent: pd.Series, inches: float) -> None:
    low, high = _decades(sent)
    powers = list(range(low, high + 1))
    none = [low - NONE] if (sent == 0).any() else []
    x = [*none, *powers]
    texts = ["none"] * len(none) + [ticks.BYTES(10.0**power) for power in powers]
    if none:
        axes.axvline(low - 0.3, color=style.GREY, lw=0.6)
    left, right = x[0] - 0.5, high + 0.15
    axes.set_xlim(left, right)
    axes.set_xticks(x, ticks.thinned(texts, x, (right - left) / inches, [0]))
    axes.set_xlabel("up + down of one low-resource client")
