"""Final accuracy against S, the number of directions of each client in a round."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

S = sweep.Setting("S", "S", "S: directions of a client in a round", log=False, paper=3)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Whether more directions, that is more forward passes, help.

    Args:
        metrics: with the study `S`.
        federation: not needed.
    """
    return sweep.figure(metrics, S)
