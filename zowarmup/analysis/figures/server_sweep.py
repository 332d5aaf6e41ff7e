"""Final accuracy against the two settings of the server's Adam in the zeroth-order phase."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

EPSILON = sweep.Setting(
    "server_sweep",
    "epsilon",
    "Adam's epsilon (larger: nearer to plain steps)",
    by="beta2",
    by_label="beta2",
)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Whether any setting makes Adam useful where steps are noisy.

    Args:
        metrics: with the study `server_sweep`.
        federation: not needed.
    """
    return sweep.figure(metrics, EPSILON)
