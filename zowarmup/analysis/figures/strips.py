"""The figures of variants side by side: every seed of each variant, and their spread."""

import textwrap
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import labels, style
from zowarmup.analysis.tables.table import VARIANTS, only, select, values

OFFSET = 0.28  # from the seeds to the mean beside them, in units of variants
LETTERS = 15  # of a line under one of seven variants


@style.styled
def distribution(metrics: pd.DataFrame) -> Figure:
    """Rademacher against Gaussian directions: the study `distribution`."""

    def label(variant: str, rows: pd.DataFrame) -> str:
        """The law, its scale, and the learning rate: Rademacher's or its own."""
        law = VARIANTS.get(variant, variant).partition(",")[0]
        rate = "same lr" if variant.endswith("same_lr") else "own lr"
        return f"{law}\nτ = {only(rows, 'tau')}\n{rate} {only(rows, 'lr_2')}"

    return _figure(metrics, "distribution", "rademacher", label, columns=2)


@style.styled
def server(metrics: pd.DataFrame) -> Figure:
    """Adam at the server against plain averages and steps: the study `server`."""

    def label(variant: str, rows: pd.DataFrame) -> str:
        return textwrap.fill(VARIANTS.get(variant, variant.replace("_", " ")), LETTERS)

    return _figure(metrics, "server", "sgd", label, columns=1)


def _figure(
    metrics: pd.DataFrame,
    study: str,
    reference: str,
    label: Callable[[str, pd.DataFrame], str],
    columns: int,
) -> Figure:
    final = m.final_rows(m.of_study(metrics, study))
    groups, scales = list(m.by_split(final)), m.scales(final)
    drawing, grid = style.panels(
        len(groups), 2.7, columns, width=style.WIDTH if columns == 1 else None
    )
    for axes, (scale, split, rows) in zip(grid, groups, strict=True):
        names = values(rows, "variant")
        parts = {name: select(rows, variant=name) for name in names}
        colors = [style.VERMILION if name == reference else style.BLUE for name in names]
        _strips(axes, list(parts.values()), colors)
        axes.set_xticks(range(len(names)), [label(name, part) for name, part in parts.items()])
        axes.set_title(style.split_title(split), loc="left", pad=22)
        style.accuracy_label(axes, scale, scales, "final test accuracy, %")
    handles = [
        labels.seed_handle(f"seeds (n = {final['seed'].nunique()}), joined by lines"),
        Line2D([], [], color=style.BLACK, marker="_", mew=1.2, label="mean ± std"),
        *labels.diverged_handle(final),
    ]
    labels.legend(drawing, handles)
    return drawing


def _strips(axes: Axes, groups: list[pd.DataFrame], colors: list[str]) -> None:
    """Strips at 0, 1, ...; a faint line joins the runs of one seed, which start out the same."""
    accuracy = pd.DataFrame({i: 100 * m.by_seed(group) for i, group in enumerate(groups)})
    x = style.side_by_side(len(accuracy), 0.3)
    for shift, (_, seed) in zip(x, accuracy.iterrows(), strict=True):
        axes.plot(seed.index + shift, seed, color=style.GREY, lw=0.5, alpha=0.35, zorder=1)
    for i, (group, color) in enumerate(zip(groups, colors, strict=True)):
        lost = group.set_index("seed")["diverged"].reindex(accuracy.index, fill_value=False)
        style.seeds(axes, i + x, accuracy[i], lost, color)
        _spread(axes, i, accuracy[i].dropna(), color)
    axes.set_xlim(-0.4, len(groups) - 0.5)


def _spread(axes: Axes, place: int, seeds: pd.Series, color: str) -> None:
    """Mean and standard deviation beside the seeds, and as numbers above the panel."""
    mean, std = seeds.mean(), seeds.std()
    bar = {"color": color, "marker": "_", "ms": 7, "mew": 1.6, "lw": 1.4, "capsize": 0}
    axes.errorbar(place + OFFSET, mean, std if np.isfinite(std) else None, **bar)
    text = f"{mean:.1f}" + (f" ± {std:.1f}" if np.isfinite(std) else "")
    above = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
    axes.annotate(text, (place, 1.02), color=color, **above)
