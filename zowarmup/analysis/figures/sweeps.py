"""The figures of final accuracy against one setting."""

from collections.abc import Callable
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style, sweep
from zowarmup.analysis.figures.drawing.sweep import Setting


def _sweep(*settings: Setting) -> Callable[[pd.DataFrame], Figure]:
    """The figure with these settings, as a function of the metrics."""
    return partial(sweep.figure, settings=settings)


# Whether more directions, that is more forward passes, help.
S = _sweep(Setting("S", "S", "S: directions of a client in a round", "slots", paper=3))

# Where each setting stops working. tau is varied at one learning rate: both scale the step.
sensitivity = _sweep(
    Setting("tau", "tau", "τ: scale of a direction", paper=0.75),
    Setting("eps", "eps", "ε: radius of the finite difference", paper=1e-4),
    Setting("lr", "lr_2", "learning rate of phase 2"),
)

# Whether the gain over High Res Only comes from classes that its clients lack.
alpha = _sweep(Setting("alpha", "alpha", "Dirichlet α: smaller is more skewed", "slots", paper=0.1))

# Whether one step on all images of a client still works where a client has few of them.
IMAGES = "training images of a client (more clients to the left)"
clients = _sweep(Setting("clients", "images", IMAGES))

# Whether any setting makes Adam useful where steps are noisy.
EPSILON = "Adam's epsilon (larger: nearer to plain steps)"
server_sweep = _sweep(Setting("server_sweep", "epsilon", EPSILON, by="beta2", by_label="beta2"))

# The accuracy that is lost if only a part of the clients takes part in a round.

participation = _sweep(
    Setting(
        "participation",
        "participation_2",
        "part of all clients in a round of phase 2",
        "slots",
        by="participation_1",
        by_label="part in phase 1:",
    )
)

# The best round to stop warming up. The paper's pivot is round 200 of 500.
PIVOT = "pivot: round of {rounds} at which\nzeroth-order training starts"
pivot = _sweep(Setting("pivot", "pivot", PIVOT, "rounds", paper=200 / 500))

WIDTH = Setting("width", "d", "d: parameters of the network")
NETWORKS = Setting("architecture", "network", "network", "slots")


@style.styled
def width(metrics: pd.DataFrame) -> Figure:
    """The same data and methods with wider networks; above stands P/d of a zeroth-order round.

    A method that works at a P/d far above the paper's 1.3e-5 may fail on the paper's networks.
    """
    figure = sweep.figure(metrics, [WIDTH])
    figure.set_figheight(figure.get_figheight() * 1.15)  # the second scale takes room
    groups = m.by_split(m.of_study(metrics, "width"))
    for axes, (_, _, rows) in zip(figure.axes, groups, strict=True):
        # All methods with zeroth-order rounds are taken to have the same P.
        places, P = WIDTH.places(rows), rows["directions"].max()
        texts = [f"{P / d:.2g}".replace("e-0", "e-") for d in places]
        above = axes.secondary_xaxis("top")
        above.set_xticks(list(places.values()), texts)
        above.set_xlabel("P/d: directions of a round per parameter (the paper: 1.3e-5)")
    return figure


def architecture(metrics: pd.DataFrame) -> Figure:
    """The methods with each network side by side: the study `architecture`."""
    rows = m.of_study(metrics, "architecture")
    network = rows["model"] + rows["d"].map("\nd = {:,.0f}".format)
    run = rows["model"] + " " + rows["run"]  # stays unique when all networks share a panel
    rows = rows.assign(network=network, run=run, model="all networks")
    return sweep.figure(rows, [NETWORKS])
