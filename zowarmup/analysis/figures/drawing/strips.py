"""Every seed of several variants side by side, and how much they vary."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style

OFFSET = 0.28  # from the seeds to the mean beside them, in places of variants


def draw(axes: Axes, groups: list[pd.DataFrame], colors: list[str], labels: list[str]) -> None:
    """Strips at 0, 1, ...; a faint line joins the runs of one seed, which start out the same.

    Beside the seeds stand their mean and one standard deviation, printed above.

    Args:
        groups: the final rows of each variant, one per seed.
    """
    values = pd.DataFrame({i: 100 * m.by_seed(group) for i, group in enumerate(groups)})
    x = style.side_by_side(len(values), 0.3)
    for shift, (_, seed) in zip(x, values.iterrows(), strict=True):
        axes.plot(seed.index + shift, seed, color=style.GREY, lw=0.5, alpha=0.35, zorder=1)
    for i, (group, color) in enumerate(zip(groups, colors, strict=True)):
        lost = group.set_index("seed")["diverged"].reindex(values.index, fill_value=False)
        style.seeds(axes, i + x, values[i], lost, color)
        _spread(axes, i, values[i].dropna(), color)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlim(-0.4, len(labels) - 0.5)


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


def handles(rows: pd.DataFrame) -> list[Line2D]:
    """What the dots and bars are, for a legend."""
    return [
        style.seed_handle(f"seeds (n = {rows['seed'].nunique()}), joined by lines"),
        Line2D([], [], color=style.BLACK, marker="_", mew=1.2, label="mean ± std"),
        *style.diverged_handle(rows),
    ]
