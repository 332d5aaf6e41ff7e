"""Figure of the clients' labels; clients are in the order in which they become high-resource."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style
from zowarmup.common.errors import UserError
from zowarmup.data.partition import high_clients

LACKED = 0.01  # as in the metrics: a tier with a smaller share of a class lacks it
READABLE = 20  # classes: with more, numbers would overlap
WIDTH = 5.2  # inches of the left panel
LIGHT = LinearSegmentedColormap.from_list("light blues", ["#FFFFFF", style.SKY])


@style.styled
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Draw each client's images of each class (left), and each split's high tier's share (right).

    There is a row of panels per data set, with the splits of the study `main`. `federation` maps a
    data set to its parsed federation.json. Many classes are sorted by the first split's share.

    Raises:
        UserError: no federation was given.
    """
    if not federation:
        raise UserError("the figure 'federation' needs a federation.json; give it as input")
    rows = m.of_study(metrics, "main")
    counts = {name: ordered_counts(one) for name, one in federation.items()}
    splits = {name: m.splits(rows[rows["dataset"] == name]) for name in counts}
    heights = [1.1 + one.shape[1] * _row_height(one.shape[1]) for one in counts.values()]
    drawing = Figure(figsize=(style.WIDTH, sum(heights)), layout="constrained")
    widths = [WIDTH, max(1.6, 0.36 * max(map(len, splits.values())))]
    grid = drawing.subplots(
        len(counts), 2, sharey="row", squeeze=False, width_ratios=widths, height_ratios=heights
    )
    for (left, right), (name, one) in zip(grid, counts.items(), strict=True):
        label, classes = "label", one.shape[1]
        highs = high_counts(len(one), rows[rows["dataset"] == name])
        if classes > READABLE:
            one = one[:, np.argsort(tier_shares(one, highs)[:, 0], kind="stable")]
            label = f"{classes} labels, sorted by the first column on the right"
        left.set_yticks(range(classes) if classes <= READABLE else [])
        left.set_ylabel(f"{name}: {label}" if len(counts) > 1 else label)
        left.set_ylim(classes - 0.4, -0.6)
        _clients(left, one, highs)
        _shares(right, tier_shares(one, highs), splits[name])
    return drawing


def _row_height(classes: int) -> float:
    return min(0.19, 4.5 / classes)  # inches


def ordered_counts(federation: dict[str, Any]) -> np.ndarray:
    """Return (K, C) images per class; the clients are in the order of becoming high-resource."""
    return np.asarray(federation["label_counts"])[list(federation["order"])]


def high_counts(clients: int, rows: pd.DataFrame) -> dict[str, int]:
    """Return the number of high-resource clients of each split in the rows, among K clients."""
    counts = {}
    for split in m.splits(rows):
        if "/" in split:
            counts[split] = len(high_clients(range(clients), m.high_share(split)))
        else:  # the data or memory budgets decide; the rows say how many there are
            counts[split] = int(rows.loc[rows["split"] == split, "high_clients"].iloc[0])
    return counts


def tier_shares(counts: np.ndarray, highs: Mapping[str, int]) -> np.ndarray:
    """Return (C, splits), the share of a class's images on a split's high-resource clients.

    Args:
        highs: see `high_counts`.
    """
    tiers = [counts[:high].sum(axis=0) for high in highs.values()]
    return np.stack(tiers, axis=1) / np.maximum(counts.sum(axis=0), 1)[:, None]


def _clients(axes: Axes, counts: np.ndarray, highs: Mapping[str, int]) -> None:
    """Draw dots whose areas are numbers of images, and a line after each split's high tier."""
    clients, classes = counts.shape
    client, label = np.nonzero(counts)
    across = 72 * min(WIDTH / (clients + 1), _row_height(classes))
    area = 0.7 * across**2 * counts[client, label] / counts.max()  # points^2; dots do not touch
    axes.scatter(client + 1, label, s=area, color=style.BLUE, lw=0)
    axes.set_xlim(0.3, clients + 0.7)
    step = 10 * max(1, clients // 50) if clients >= 20 else 1
    axes.set_xticks([1, *range(max(2, step), clients + 1, step)])
    axes.set_xlabel("clients, in the order in which they become high-resource")
    for split, high in highs.items():
        x = high + 0.5
        axes.axvline(x, color=style.BLACK, lw=0.9, ls=(0, (4, 1.5)))
        above = axes.get_xaxis_transform()
        axes.text(x, 1.01, f"{split} ", transform=above, ha="right", va="bottom")
    title = (
        f"A dot: a client's images of a label, by area; the largest {counts.max()}.\n"
        "Left of a dashed line: the high-resource clients of that split."
    )
    axes.set_title(title, loc="left", pad=14, fontweight="normal")


def _shares(axes: Axes, shares: np.ndarray, splits: list[str]) -> None:
    """Draw the shares of each split in a column, and below it the number of shares under 1 %."""
    colors = LIGHT.with_extremes(under=style.VERMILION)
    axes.imshow(shares, colors, aspect="auto", interpolation="none", vmin=LACKED, vmax=1)
    for (row, column), share in np.ndenumerate(shares if len(shares) <= READABLE else shares[:0]):
        text = "<1" if 0 < share < LACKED else f"{100 * share:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7)
    lacked = (shares < LACKED).sum(axis=0)
    names = [f"{split}\n{n}" for split, n in zip(splits, lacked, strict=True)]
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("split, labels under 1 % (red)")
    axes.set_title("% of the label held by\nhigh-resource clients", loc="left", fontweight="normal")
