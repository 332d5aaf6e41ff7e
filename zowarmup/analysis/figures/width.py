"""Final accuracy against the number of parameters: how a small network flatters zeroth order."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zowarmup.analysis import metrics as m
from zowarmup.analysis.figures.drawing import style, sweep

D = sweep.Setting("width", "d", "d: parameters of the network")


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """The same data and methods with wider networks; above stands P/d of a zeroth-order round.

    What works at a P/d far above the paper's 1.3e-5 says little about the paper's networks.

    Args:
        metrics: with the study `width`.
        federation: not needed.
    """
    drawing = sweep.figure(metrics, D)
    drawing.set_figheight(drawing.get_figheight() * 1.15)  # the second scale takes room
    rows = m.of_study(metrics, "width")
    for axes, (_, _, group) in zip(drawing.axes, m.by_split(rows), strict=True):
        _second_scale(axes, group)
    return drawing


def _second_scale(axes: Axes, rows: pd.DataFrame) -> None:
    """P/d above each d; all methods with zeroth-order rounds are taken to have the same P."""
    places = D.places(rows)
    P = rows["directions"].max()
    texts = [f"{P / d:.2g}".replace("e-0", "e-") for d in places]
    above = axes.secondary_xaxis("top")
    above.set_xticks(list(places.values()), texts)
    above.set_xlabel("P/d: directions of a round per parameter (the paper: 1.3e-5)")
