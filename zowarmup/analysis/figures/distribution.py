"""Rademacher against Gaussian directions: every seed of every variant, and how much they vary."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import strips, style
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
    drawing = style.new(width, 0.1 + 2.8 * len(scales))
    grid = drawing.subplots(len(scales), len(splits), squeeze=False, sharey="row")
    for line, scale in zip(grid, scales, strict=True):
        for axes, split in zip(line, splits, strict=True):
            here = m.at_scale(final[final["split"] == split], scale)
            _panel(axes, here, names)
            axes.set_title(style.split_title(split), loc="left", pad=22)
        style.accuracy_label(line[0], scale, scales, "final test accuracy, %")
    drawing.legend(
        handles=strips.handles(final), loc="outside upper left", ncols=2, handlelength=1.8
    )
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    """Strips at 0, 1, ... in the order of names."""
    groups = [rows[rows["variant"] == name] for name in names]
    colors = [style.VERMILION if name == REFERENCE else style.BLUE for name in names]
    strips.draw(axes, groups, colors, list(map(_label, names, groups)))


def _label(variant: str, rows: pd.DataFrame) -> str:
    """What is compared: the law, the scale tau, the learning rate and whose it is."""
    if rows.empty:
        return NAMES.get(variant, variant)
    tau, rate = cells.only(rows, "tau"), cells.only(rows, "lr_2")
    whose = RATES.get(variant, "lr")
    return f"{NAMES.get(variant, variant)}\nτ = {tau}\n{whose} {rate}"
