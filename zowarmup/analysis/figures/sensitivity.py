"""Final accuracy against tau, eps and the learning rate of the zeroth-order steps."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

TAU = sweep.Setting("tau", "tau", "τ: scale of a direction", paper=0.75)
EPS = sweep.Setting("eps", "eps", "ε: radius of the finite difference", paper=1e-4)
RATE = sweep.Setting("lr", "lr_2", "learning rate of phase 2")


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Where each setting stops working. tau is varied at one learning rate: both scale the step.

    Args:
        metrics: with some of the studies `tau`, `eps` and `lr`.
        federation: not needed.
    """
    return sweep.figure(metrics, TAU, EPS, RATE)
