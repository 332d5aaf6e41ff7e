"""The labels of the clients, in the order in which they become high-resource."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style
from zowarmup.common.errors import UserError
from zowarmup.data.partition import high_clients

LACKED = 0.01  # as in the metrics: a tier with a smaller share of a class lacks it
READABLE = 20  # classes: with more, dots and numbers would overlap
ORDER = "clients, in the order in which they become high-resource"
DASHED = "\nLeft of a dashed line: the high-resource clients of that split."
LIGHT = LinearSegmentedColormap.from_list("light blues", ["#FFFFFF", style.SKY])
DARK = LinearSegmentedColormap.from_list("blues", ["#FFFFFF", style.BLUE, style.BLACK])


@style.styled
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Left every client's images of every class, right the share of each split's high tier.

    One row of panels per data set. Many classes are sorted by the share of the first split.

    Args:
        metrics: the splits of the study `main` are those marked.
        federation: by data set, a parsed federation.json.

    Raises:
        UserError: there is no federation.
    """
    if not federation:
        raise UserError("the figure 'federation' needs a federation.json: give it as input")
    rows = m.of_study(metrics, "main")
    counts = {name: ordered_counts(one) for name, one in federation.items()}
    splits = {name: m.splits(rows[rows["dataset"] == name]) for name in counts}
    heights = [1.1 + one.shape[1] * _row_height(one.shape[1]) for one in counts.values()]
    drawing = Figure(figsize=(style.WIDTH, sum(heights)), layout="constrained")
    widths = [5.2, max(1.6, 0.36 * max(map(len, splits.values())))]
    grid = drawing.subplots(
        len(counts), 2, sharey="row", squeeze=False, width_ratios=widths, height_ratios=heights
    )
    for (left, right), (name, one) in zip(grid, counts.items(), strict=True):
        many = one.shape[1] > READABLE
        if many:
            one = one[:, np.argsort(tier_shares(one, splits[name])[:, 0], kind="stable")]
        label = _map(left, one) if many else _dots(left, one)
        left.set_ylabel(f"{name}: {label}" if len(counts) > 1 else label)
        left.set_ylim(one.shape[1] - 0.4, -0.6)
        _clients(left, one, splits[name])
        _shares(right, tier_shares(one, splits[name]), splits[name], many)
    return drawing


def _row_height(classes: int) -> float:
    """Inches for each class."""
    return min(0.19, 4.5 / classes)


def ordered_counts(federation: dict[str, Any]) -> np.ndarray:
    """(K, C) images of each class, the client that is high-resource in every split first."""
    return np.asarray(federation["label_counts"])[list(federation["order"])]


def _high_count(clients: int, split: str) -> int:
    return len(high_clients(range(clients), m.high_share(split)))


def tier_shares(counts: np.ndarray, splits: list[str]) -> np.ndarray:
    """(C, splits) the share of each class's images on a split's high-resource clients."""
    tiers = [counts[: _high_count(len(counts), split)].sum(axis=0) for split in splits]
    return np.stack(tiers, axis=1) / np.maximum(counts.sum(axis=0), 1)[:, None]


def _dots(axes: Axes, counts: np.ndarray) -> str:
    """A dot whose area is the number of images; returns the label of the y axis."""
    client, label = np.nonzero(counts)
    across = 72 * min(5.2 / (len(counts) + 1), _row_height(counts.shape[1]))
    area = 0.7 * across**2 * counts[client, label] / counts.max()  # points^2; dots do not touch
    axes.scatter(client + 1, label, s=area, color=style.BLUE, lw=0)
    axes.set_yticks(range(counts.shape[1]))
    title = f"A dot: a client's images of a label, by area; the largest {counts.max()}."
    axes.set_title(title + DASHED, loc="left", pad=14, fontweight="normal")
    return "label"


def _map(axes: Axes, counts: np.ndarray) -> str:
    """A cell whose darkness is the root of the number of images, so that few are seen too."""
    clients, classes = counts.shape
    norm, extent = PowerNorm(0.5, 0, counts.max()), (0.5, clients + 0.5, classes - 0.5, -0.5)
    axes.imshow(counts.T, DARK, norm, aspect="auto", extent=extent, interpolation="none")
    axes.grid(visible=False)
    axes.set_yticks([])
    title = f"The darker, the more images of a label a client has; the darkest {counts.max()}."
    axes.set_title(title + DASHED, loc="left", pad=14, fontweight="normal")
    return f"{classes} labels, sorted by the first column on the right"


def _clients(axes: Axes, counts: np.ndarray, splits: list[str]) -> None:
    """The axis of clients. Left of a line are the high-resource clients of the split above it."""
    clients = len(counts)
    axes.set_xlim(0.3, clients + 0.7)
    step = 10 * max(1, clients // 50) if clients >= 20 else 1
    axes.set_xticks([1, *range(max(2, step), clients + 1, step)])
    axes.set_xlabel(ORDER)
    for split in splits:
        x = _high_count(clients, split) + 0.5
        axes.axvline(x, color=style.BLACK, lw=0.9, ls=(0, (4, 1.5)))
        above = {"xycoords": ("data", "axes fraction"), "ha": "right", "va": "bottom"}
        axes.annotate(f"{split} ", (x, 1.01), **above)


def _shares(axes: Axes, shares: np.ndarray, splits: list[str], many: bool) -> None:
    """The shares of a split in a column: as numbers, or how many of them are under 1 %."""
    names, label = splits, "split (bold: under 1 %)"
    if many:
        lacked = (shares < LACKED).sum(axis=0)
        names = [f"{split}\n{n}" for split, n in zip(splits, lacked, strict=True)]
        label = "split, labels under 1 % (red)"
    colors = LIGHT.with_extremes(under=style.VERMILION if many else None)
    limits = {"vmin": LACKED if many else 0, "vmax": 1}
    axes.imshow(shares, colors, aspect="auto", interpolation="none", **limits)
    for (row, column), share in np.ndenumerate(shares if not many else shares[:0]):
        bold = {"fontweight": "bold", "color": style.VERMILION} if share < LACKED else {}
        text = "<1" if 0 < share < LACKED else f"{100 * share:.0f}"
        axes.text(column, row, text, ha="center", va="center", fontsize=7, **bold)
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(label)
    title = "% of the label held by\nhigh-resource clients"
    axes.set_title(title, loc="left", fontweight="normal")
