"""Adam at the server against plain averages and steps, in one phase or both."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import strips, style
from zowarmup.analysis.tables.server import REFERENCE, variants

NAMES = {
    "sgd": "plain",
    "adam_phase1": "Adam\nphase 1",
    "adam_phase2": "Adam\nphase 2",
    "adam_both": "Adam\nboth",
    "reddi_phase1": "Reddi\nphase 1",
    "reddi_phase2": "Reddi\nphase 2",
    "reddi_both": "Reddi\nboth",
}


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """One strip per variant. "Reddi" is Adam as in Reddi et al.: no bias correction, large epsilon.

    Args:
        metrics: with the study `server`.
        federation: not needed.
    """
    final = m.final_rows(m.of_study(metrics, "server"))
    groups = list(m.by_split(final))
    drawing, grid = style.panels(len(groups), 2.6, columns=1)
    drawing.set_figwidth(style.WIDTH)
    for axes, (scale, split, rows) in zip(grid, groups, strict=True):
        names = variants(rows)
        colors = [style.VERMILION if name == REFERENCE else style.BLUE for name in names]
        parts = [rows[rows["variant"] == name] for name in names]
        strips.draw(axes, parts, colors, [NAMES.get(n, n.replace("_", "\n")) for n in names])
        axes.set_title(style.split_title(split), loc="left", pad=22)
        style.accuracy_label(axes, scale, m.scales(final), "final test accuracy, %")
    style.legend(drawing, strips.handles(final))
    return drawing
