"""Final accuracy against how many images a client has, all clients together having the same."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

IMAGES = sweep.Setting(
    "clients", "images", "training images of a client (more clients to the left)"
)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Whether one step on all images of a client still works where a client has few.

    Args:
        metrics: with the study `clients`.
        federation: not needed.
    """
    return sweep.figure(metrics, IMAGES)
