"""Figures of the final accuracy against one setting, or against bytes."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style, sweep
from zowarmup.analysis.figures.drawing.sweep import Setting
from zowarmup.analysis.tables import cells

NONE = 0.85  # zero bytes are drawn this number of decades below the other bytes

# Whether more directions, that is more forward passes, help.
S = Setting("S", "S", "S: directions of a client in a round", "slots", paper=3)

# Where each setting stops working. tau is varied at one learning rate, since both scale the step.
SENSITIVE = (
    Setting("tau", "tau", "τ: scale of a direction", paper=0.75),
    Setting("eps", "eps", "ε: radius of the finite difference", paper=1e-4),
    Setting("lr", "lr_2", "learning rate of phase 2"),
)
sensitivity = partial(sweep.figure, settings=SENSITIVE)

# Whether the gain over High Res Only comes from classes that high-resource clients lack.
alpha = Setting("alpha", "alpha", "Dirichlet α: smaller is more skewed", "slots", paper=0.1)

# Whether one step on all images of a client still works if a client has few images.
clients = Setting("clients", "images", "training images of a client (more clients to the left)")

# Whether any setting makes Adam useful where steps are noisy.
EPSILON = "Adam's epsilon (larger: nearer to plain steps)"
server_sweep = Setting("server_sweep", "epsilon", EPSILON, by="beta2", by_label="beta2")

# The accuracy that is lost if only a part of the clients takes part in a round.
PART = "part of all clients in a round of phase 2"
BY = ("participation_1", "part in phase 1:")
participation = Setting("participation", "participation_2", PART, "slots", *BY)

# The best round to stop warming up. The paper's pivot is round 200 of 500.
PIVOT = "pivot: round of {rounds} at which\nzeroth-order training starts"
pivot = Setting("pivot", "pivot", PIVOT, "rounds", paper=200 / 500)


def architecture(metrics: pd.DataFrame) -> Figure:
    """Compare the methods with each network, side by side: the study `architecture`."""
    rows = m.of_study(metrics, "architecture")
    network = rows["model"] + rows["d"].map("\nd = {:,.0f}".format)
    run = rows["model"] + " " + rows["run"]  # stays unique when all networks share a panel
    rows = rows.assign(network=network, run=run, model="all networks")
    return Setting("architecture", "network", "network", "slots")(rows)


@style.styled
def costs(metrics: pd.DataFrame) -> Figure:
    """Draw final accuracy in the study `main` against all bytes of one low-resource client.

    There is a panel per split. Methods that send such a client nothing stand on the left.
    """
    final = m.final_rows(m.of_study(metrics, "main"))
    final = final.assign(sent=cells.low_client_bytes(final)).dropna(subset="sent")
    decades = np.log10(final["sent"].where(final["sent"] > 0))
    sent = decades.dropna() if decades.notna().any() else pd.Series([0.0])  # or nobody sends any
    low, high = np.floor(sent.min()), np.ceil(sent.max())
    final = final.assign(place=decades.fillna(low - NONE))
    groups, looks = list(m.by_split(final)), style.lines(m.methods(final))
    points = {method: look._replace(linestyle="") for method, look in looks.items()}
    drawing, grid = style.panels(len(groups), 2.2, width=style.WIDTH, label=style.ACCURACY)
    for axes, (scale, split, rows) in zip(grid, groups, strict=True):
        for method, of_method in rows.groupby("method"):
            sweep.line(axes, {of_method["place"].mean(): of_method}, points[method], 0.1)
        axes.axvline(low - 0.3, color=style.GREY, lw=0.6)
        axes.set_xlim(low - NONE - 0.5, high + 0.15)
        powers = np.arange(low, high + 1)
        texts = ["none", *map(style.BYTES, 10**powers)]
        axes.set_xticks([low - NONE, *powers], style.staggered(texts))
        axes.set_xlabel("up + down of one low-resource client")
        sweep.clip(axes)
        style.title(axes, final, scale, split)
    handles = [*style.handles(points, style.of_methods(final)), style.seed_handle()]
    style.legend(drawing, final, handles)
    return drawing
