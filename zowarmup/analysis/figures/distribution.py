"""Rademacher against Gaussian directions: every seed of every variant, and how much they vary."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures import style
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.distribution import REFERENCE, variants

NAMES = {
    "rademacher": "Rademacher",
    "gaussian_tau1_same_lr": "(a) Gaussian",
    "gaussian_tau075_same_lr": "(b) Gaussian",
    "gaussian_own_lr": "(c) Gaussian",
}
RATES = {
    "rademacher": "own lr",
    "gaussian_tau1_same_lr": "same lr",
    "gaussian_tau075_same_lr": "same lr",
    "gaussian_own_lr": "own lr",
}
OFFSET = 0.28  # from the seeds to the mean beside them, in places of variants


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """One strip per variant; a faint line joins the runs of one seed, which start out the same.

    Beside the seeds stand their mean and one standard deviation, printed above.

    Args:
        metrics: with the study `distribution`.
        federation: not needed.
    """
    final = m.final_rows(m.of_study(metrics, "distribution"))
    scales, splits, names = m.scales(final), m.splits(final), variants(final)
    width = min(max(3.5, 0.95 * len(names)) * len(splits), style.WIDTH)
    drawing = style.new(width, 0.3 + 2.8 * len(scales))
    grid = drawing.subplots(len(scales), len(splits), squeeze=False, sharey="row")
    for line, scale in zip(grid, scales, strict=True):
        for axes, split in zip(line, splits, strict=True):
            here = m.at_scale(final[final["split"] == split], scale)
            _panel(axes, here, names)
            axes.set_title(style.split_title(split), loc="left", pad=22)
        style.accuracy_label(line[0], scale, scales, "final test accuracy, %")
    handles = [
        style.seed_handle(f"seeds (n = {final['seed'].nunique()}), joined by lines"),
        Line2D([], [], color=style.BLACK, marker="_", mew=1.2, label="mean ± std"),
        *style.diverged_handle(final),
    ]
    drawing.legend(handles=handles, loc="outside upper left", ncols=2, handlelength=1.8)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Strips at 0, 1, ... in the order of names."""
    groups = [rows[rows["variant"] == name] for name in names]
    values = pd.DataFrame({i: 100 * m.by_seed(group) for i, group in enumerate(groups)})
    x = style.side_by_side(len(values), 0.3)
    for shift, (_, seed) in zip(x, values.iterrows(), strict=True):
        axes.plot(seed.index + shift, seed, color=style.GREY, lw=0.5, alpha=0.35, zorder=1)
    for i, group in enumerate(groups):
        color = style.VERMILION if names[i] == REFERENCE else style.BLUE
        lost = group.set_index("seed")["diverged"].reindex(values.index, fill_value=False)
        style.seeds(axes, i + x, values[i], lost, color)
        _spread(axes, i, values[i].dropna(), color)
    axes.set_xticks(range(len(names)), map(_label, names, groups))
    axes.set_xlim(-0.4, len(names) - 0.5)


def _spread(axes: Axes, place: int, values: pd.Series, color: str) -> None:
    """Mean and standard deviation beside the seeds, and as numbers above the panel."""
    if values.empty:
        return
    mean, spread = values.mean(), values.std()
    bar = {"color": color, "marker": "_", "ms": 7, "mew": 1.6, "lw": 1.4, "capsize": 0}
    axes.errorbar(place + OFFSET, mean, spread if np.isfinite(spread) else None, **bar)
    text = f"{mean:.1f}" + (f" ± {spread:.1f}" if np.isfinite(spread) else "")
    above = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
    axes.annotate(text, (place, 1.02), color=color, **above)


def _label(variant: str, rows: pd.DataFrame) -> str:
    """What is compared: the law, the scale tau, the learning rate and whose it is."""
    if rows.empty:
        return NAMES.get(variant, variant)
    tau, rate = cells.only(rows, "tau"), cells.only(rows, "lr_2")
    whose = RATES.get(variant, "lr")
    return f"{NAMES.get(variant, variant)}\nτ = {tau}\n{whose} {rate}"
