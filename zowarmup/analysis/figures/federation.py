"""Who holds which labels: the clients in the order in which they become high-resource."""

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

LACKED = 0.01  # as in the metrics: a tier that holds less of a class lacks it
READABLE = 20  # classes: with more, dots and numbers would overlap
PLAIN = {"fontweight": "normal"}
LIGHT_BLUES = LinearSegmentedColormap.from_list("light blues", ["#FFFFFF", style.SKY])
BLUES = LinearSegmentedColormap.from_list("blues", ["#FFFFFF", style.BLUE, style.BLACK])
BLUES_OR_NONE = LIGHT_BLUES.with_extremes(under=style.VERMILION)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Left every client's images of every class, right what each split's high tier holds of it.

    One row of panels per data set. Many classes are sorted by what the first split's high tier
    holds of them.

    Args:
        metrics: the splits of the study `main` are those marked.
        federation: by data set, a parsed federation.json.

    Raises:
        UserError: there is no federation.
    """
    if not federation:
        raise UserError("the figure 'federation' needs a federation.json: give it as input")
    rows = m.of_study(metrics, "main")
    heights = [_height(np.shape(one["label_counts"])[1]) for one in federation.values()]
    drawing = style.new(style.WIDTH, sum(heights))
    splits = {name: m.splits(rows[rows["dataset"] == name]) for name in federation}
    shares = [5.2, max(1.6, 0.36 * max(map(len, splits.values())))]
    grid = drawing.subplots(
        len(federation), 2, sharey="row", squeeze=False, width_ratios=shares, height_ratios=heights
    )
    for line, (name, one) in zip(grid, federation.items(), strict=True):
        _pair(line, ordered_counts(one), splits[name])
        if len(federation) > 1:
            line[0].set_ylabel(f"{name}: {line[0].get_ylabel()}")
    return drawing


def _pair(line: np.ndarray, counts: np.ndarray, splits: list[str]) -> None:
    """Both panels of a data set."""
    classes = counts.shape[1]
    holdings, held = line
    if classes <= READABLE:
        _holdings(holdings, counts)
        _held(held, counts, splits)
    else:
        counts = counts[:, np.argsort(tier_shares(counts, splits)[:, 0], kind="stable")]
        _many_holdings(holdings, counts)
        _many_held(held, counts, splits)
    _boundaries(holdings, counts, splits)
    holdings.set_ylim(classes - 0.4, -0.6)


def _height(classes: int) -> float:
    return 1.1 + classes * row_height(classes)


def row_height(classes: int) -> float:
    """Inches for each class."""
    return min(0.19, 4.5 / classes)


def ordered_counts(federation: dict[str, Any]) -> np.ndarray:
    """(K, C) images of each class, the client that is high-resource in every split first."""
    return np.asarray(federation["label_counts"])[federation["order"]]


def high_count(clients: int, split: str) -> int:
    """How many of the clients are high-resource."""
    return len(high_clients(range(clients), m.high_share(split)))


def tier_shares(counts: np.ndarray, splits: list[str]) -> np.ndarray:
    """(C, splits) the part of each class's images that a split's high-resource clients hold."""
    tiers = [counts[: high_count(len(counts), split)].sum(axis=0) for split in splits]
    return np.stack(tiers, axis=1) / np.maximum(counts.sum(axis=0), 1)[:, None]


def _holdings(axes: Axes, counts: np.ndarray) -> None:
    """A dot whose area is the number of images."""
    client, label = np.nonzero(counts)
    number, clients = counts[client, label], len(counts)
    across = 72 * min(5.2 / (clients + 1), row_height(counts.shape[1]))
    largest = 0.7 * across**2  # points^2, so that dots do not touch
    area = largest * number / counts.max()
    axes.scatter(client + 1, label, s=area, color=style.BLUE, lw=0)
    axes.set_yticks(range(counts.shape[1]))
    axes.set_ylabel("label")
    title = f"A dot: a client's images of a label, by area; the largest {counts.max()}."
    _clients(axes, clients, title)


def _many_holdings(axes: Axes, counts: np.ndarray) -> None:
    """A cell whose darkness is the root of the number of images, so that few are seen too."""
    clients, classes = counts.shape
    extent = (0.5, clients + 0.5, classes - 0.5, -0.5)
    look = {"cmap": BLUES, "norm": PowerNorm(0.5, 0, counts.max()), "interpolation": "none"}
    axes.imshow(counts.T, aspect="auto", extent=extent, **look)
    axes.grid(visible=False)
    axes.set_yticks([])
    axes.set_ylabel(f"{classes} labels, sorted by the first column on the right")
    title = f"The darker, the more images of a label a client has; the darkest {counts.max()}."
    _clients(axes, clients, title)


def _clients(axes: Axes, clients: int, title: str) -> None:
    """The axis of clients, and what a panel's marks are."""
    axes.set_xlim(0.3, clients + 0.7)
    step = 10 * max(1, clients // 50) if clients >= 20 else 1
    axes.set_xticks([1, *range(max(2, step), clients + 1, step)])
    axes.set_xlabel("clients, in the order in which they become high-resource")
    title += "\nLeft of a dashed line: the high-resource clients of that split."
    axes.set_title(title, loc="left", pad=14, **PLAIN)


def _boundaries(axes: Axes, counts: np.ndarray, splits: list[str]) -> None:
    """Left of a line are the high-resource clients of the split above it."""
    for split in splits:
        x = high_count(len(counts), split) + 0.5
        axes.axvline(x, color=style.BLACK, lw=0.9, ls=(0, (4, 1.5)))
        above = {"xycoords": ("data", "axes fraction"), "ha": "right", "va": "bottom"}
        axes.annotate(f"{split} ", (x, 1.01), **above)


def _held(axes: Axes, counts: np.ndarray, splits: list[str]) -> None:
    shares = tier_shares(counts, splits)
    axes.imshow(shares, cmap=LIGHT_BLUES, vmin=0, vmax=1, aspect="auto")
    _splits(axes, splits, "split (bold: under 1 %)")
    for (label, split), share in np.ndenumerate(shares):
        weight = {"fontweight": "bold", "color": style.VERMILION} if share < LACKED else {}
        text = "<1" if 0 < share < LACKED else f"{100 * share:.0f}"
        axes.text(split, label, text, ha="center", va="center", fontsize=7, **weight)


def _many_held(axes: Axes, counts: np.ndarray, splits: list[str]) -> None:
    """In place of a number in each cell, how many of a split's cells are under 1 %."""
    shares = tier_shares(counts, splits)
    look = {"cmap": BLUES_OR_NONE, "vmin": LACKED, "vmax": 1, "interpolation": "none"}
    axes.imshow(shares, aspect="auto", **look)
    lacked = (shares < LACKED).sum(axis=0)
    names = [f"{split}\n{n}" for split, n in zip(splits, lacked, strict=True)]
    _splits(axes, names, "split, labels under 1 % (red)")


def _splits(axes: Axes, names: list[str], label: str) -> None:
    """The axis of splits."""
    axes.set_xticks(range(len(names)), names, fontsize=6.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel(label)
    axes.set_title("% of the label held by\nhigh-resource clients", loc="left", **PLAIN)
