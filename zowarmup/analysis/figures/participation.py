"""Final accuracy against the part of the clients that takes part in a round of either phase."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

PART = sweep.Setting(
    "participation",
    "participation_2",
    "part of all clients in a round of phase 2",
    log=False,
    by="participation_1",
    by_label="part in phase 1:",
)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """What is lost if not everybody is there in every round.

    Args:
        metrics: with the study `participation`.
        federation: not needed.
    """
    return sweep.figure(metrics, PART)
