"""Figures of variants side by side: every seed of each variant, with mean and spread."""

import textwrap
from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.tables.cells import VARIANTS, only, select, values

OFFSET = 0.28  # from the seeds to the mean beside them, in units of variants
LETTERS = 15  # of a line in a label, so that seven variants fit


@style.styled
def distribution(metrics: pd.DataFrame) -> Figure:
    """Compare Rademacher with Gaussian directions: the study `distribution`."""

    def label(variant: str, rows: pd.DataFrame) -> str:
        law = VARIANTS.get(variant, variant).partition(",")[0]
        rate = "same lr" if variant.endswith("same_lr") else "own lr"
        return f"{law}\nτ = {only(rows, 'tau')}\n{rate} {only(rows, 'lr_2')}"

    return _figure(metrics, "distribution", "rademacher", label)


@style.styled
def server(metrics: pd.DataFrame) -> Figure:
    """Compare Adam at the server with plain averages and steps: the study `server`."""

    def label(variant: str, rows: pd.DataFrame) -> str:
        return textwrap.fill(VARIANTS.get(variant, variant.replace("_", " ")), LETTERS)

    return _figure(metrics, "server", "sgd", label)


def _figure(
    metrics: pd.DataFrame, study: str, reference: str, label: Callable[[str, pd.DataFrame], str]
) -> Figure:
    final = m.final_rows(m.of_study(metrics, study))
    groups = list(m.by_split(final))
    drawing, grid = style.panels(len(groups), 2.7, 1, style.WIDTH, style.ACCURACY)
    for axes, (scale, split, rows) in zip(grid, groups, strict=True):
        parts = {name: select(rows, variant=name) for name in values(rows, "variant")}
        colors = [style.VERMILION if name == reference else style.BLUE for name in parts]
        spreads = _strips(axes, list(parts.values()), colors)
        texts = [label(name, part) for name, part in parts.items()]
        axes.set_xticks(range(len(parts)), map("{}\n{}".format, texts, spreads))
        style.title(axes, final, scale, split)
    handles = [
        style.seed_handle(f"seeds (n = {final['seed'].nunique()}), joined by lines"),
        Line2D([], [], color=style.BLACK, marker="_", mew=1.2, label="mean ± std"),
    ]
    style.legend(drawing, final, handles)
    return drawing


def _strips(axes: Axes, groups: list[pd.DataFrame], colors: list[str]) -> list[str]:
    """Draw a strip per group at 0, 1, ...; a faint line joins the runs of a seed.

    Returns:
        The mean and the standard deviation of each strip, as text."""
    accuracy = pd.DataFrame({i: 100 * m.by_seed(group) for i, group in enumerate(groups)})
    x = style.side_by_side(len(accuracy), 0.3)
    for shift, (_, seed) in zip(x, accuracy.iterrows(), strict=True):
        axes.plot(seed.index + shift, seed, color=style.GREY, lw=0.5, alpha=0.35, zorder=1)
    mean, std = accuracy.mean(), accuracy.std()
    for i, (group, color) in enumerate(zip(groups, colors, strict=True)):
        lost = group.set_index("seed")["diverged"].reindex(accuracy.index, fill_value=False)
        style.seeds(axes, i + x, accuracy[i].to_numpy(), lost, color)
        axes.errorbar(i + OFFSET, mean[i], std[i], color=color, marker="_", ms=7, mew=1.6)
    axes.set_xlim(-0.4, len(groups) - 0.5)
    return [f"{mean[i]:.1f} ± {std[i]:.1f}".removesuffix(" ± nan") for i in accuracy]
