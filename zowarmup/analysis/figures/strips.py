"""The figures of variants side by side: every seed of each variant, and their spread."""

import textwrap
from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import labels, style
from zowarmup.analysis.tables.cells import VARIANTS, only, select, values

OFFSET = 0.28  # from the seeds to the mean beside them, in units of variants
LETTERS = 15  # of a line under one of seven variants


@style.styled
def distribution(metrics: pd.DataFrame) -> Figure:
    """Rademacher against Gaussian directions: the study `distribution`."""

    def label(variant: str, rows: pd.DataFrame) -> str:
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
    groups = list(m.by_split(final))
    width = style.WIDTH if columns == 1 else None
    drawing, grid = style.panels(len(groups), 2.7, columns, width)
    for axes, (scale, split, rows) in zip(grid, groups, strict=True):
        parts = {name: select(rows, variant=name) for name in values(rows, "variant")}
        colors = [style.VERMILION if name == reference else style.BLUE for name in parts]
        _strips(axes, list(parts.values()), colors)
        axes.set_xticks(range(len(parts)), [label(name, part) for name, part in parts.items()])
        style.title(axes, final, scale, split, pad=22)
        axes.set_ylabel("final test accuracy, %")
    handles = [
        labels.seed_handle(f"seeds (n = {final['seed'].nunique()}), joined by lines"),
        Line2D([], [], color=style.BLACK, marker="_", mew=1.2, label="mean ± std"),
    ]
    labels.legend(drawing, final, handles)
    return drawing


def _strips(axes: Axes, groups: list[pd.DataFrame], colors: list[str]) -> None:
    """Strips at 0, 1, ... with mean and std beside them; a faint line joins the runs of a seed."""
    accuracy = pd.DataFrame({i: 100 * m.by_seed(group) for i, group in enumerate(groups)})
    x = style.side_by_side(len(accuracy), 0.3)
    for shift, (_, seed) in zip(x, accuracy.iterrows(), strict=True):
        axes.plot(seed.index + shift, seed, color=style.GREY, lw=0.5, alpha=0.35, zorder=1)
    for i, (group, color) in enumerate(zip(groups, colors, strict=True)):
        lost = group.set_index("seed")["diverged"].reindex(accuracy.index, fill_value=False)
        style.seeds(axes, i + x, accuracy[i].to_numpy(), lost, color)
        mean, std = accuracy[i].mean(), accuracy[i].std()
        axes.errorbar(i + OFFSET, mean, std, color=color, marker="_", ms=7, mew=1.6)
        text, above = f"{mean:.1f} ± {std:.1f}".removesuffix(" ± nan"), axes.get_xaxis_transform()
        axes.text(i, 1.02, text, color=color, transform=above, ha="center", va="bottom")
    axes.set_xlim(-0.4, len(groups) - 0.5)
