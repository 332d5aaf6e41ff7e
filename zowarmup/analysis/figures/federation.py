"""Who holds which labels: the clients in the order in which they become high-resource."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures import style
from zowarmup.data.partition import high_clients
from zowarmup.settings.errors import UserError

LACKED = 0.01  # as in the metrics: a tier that holds less of a class lacks it
READABLE = 20  # classes: with more the numbers would overlap
PLAIN = {"fontweight": "normal"}
LIGHT_BLUES = LinearSegmentedColormap.from_list("light blues", ["#FFFFFF", style.SKY])


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Left every client's images of every class, right what each split's high tier holds of it.

    Args:
        metrics: the splits of the study `main` are those marked.
        federation: a parsed federation.json.

    Raises:
        UserError: there is no federation.
    """
    if federation is None:
        raise UserError("the figure 'federation' needs a federation.json: give it as input")
    counts, splits = ordered_counts(federation), m.splits(m.of_study(metrics, "main"))
    classes = counts.shape[1]
    drawing = style.new(style.WIDTH, 1.1 + classes * row_height(classes))
    shares = [5.2, max(1.6, 0.36 * len(splits))]
    holdings, held = drawing.subplots(1, 2, sharey=True, width_ratios=shares)
    _holdings(holdings, counts)
    _boundaries(holdings, counts, splits)
    _held(held, counts, splits)
    holdings.set_ylim(classes - 0.4, -0.6)
    return drawing


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
    axes.set_xlim(0.3, clients + 0.7)
    axes.set_yticks(range(counts.shape[1]) if counts.shape[1] <= READABLE else [])
    axes.set_ylabel("label")
    step = 10 * max(1, clients // 50) if clients >= 20 else 1
    axes.set_xticks([1, *range(max(2, step), clients + 1, step)])
    axes.set_xlabel("clients, in the order in which they become high-resource")
    title = f"A dot: a client's images of a label, by area; the largest {counts.max()}.\n"
    title += "Left of a dashed line: the high-resource clients of that split."
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
    axes.set_xticks(range(len(splits)), splits, fontsize=6.5)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("split (bold: under 1 %)")
    axes.set_title("% of the label held by\nhigh-resource clients", loc="left", **PLAIN)
    if len(shares) <= READABLE:
        for (label, split), share in np.ndenumerate(shares):
            weight = {"fontweight": "bold", "color": style.VERMILION} if share < LACKED else {}
            text = "<1" if 0 < share < LACKED else f"{100 * share:.0f}"
            axes.text(split, label, text, ha="center", va="center", fontsize=7, **weight)
