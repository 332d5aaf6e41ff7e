"""Final accuracy against how differently the classes are spread over the clients."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style, sweep

ALPHA = sweep.Setting("alpha", "alpha", "Dirichlet α: smaller is more skewed", log=False, paper=0.1)


@style.styled()
def figure(metrics: pd.DataFrame, federation: dict[str, Any] | None = None) -> Figure:
    """Whether the gain over High Res Only comes from classes that its clients lack.

    Args:
        metrics: with the study `alpha`.
        federation: not needed.
    """
    return sweep.figure(metrics, ALPHA)
