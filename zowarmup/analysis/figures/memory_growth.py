"""Figure of a client's peak memory as the context and the depth of a language model grow."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zowarmup.analysis.figures.drawing import style
from zowarmup.common.errors import UserError

ROLES = {
    "high": ("backpropagation", style.METHODS["high_res_only"]),
    "low": ("zeroth-order passes", style.METHODS["zowarmup"]),
}
MODEL = {"color": style.GREY, "lw": 0.8, "marker": "", "linestyle": "-"}


@style.styled
def figure(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """Draw the allocator's peak as dots and the formula as a line, a panel for each network.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the figure 'memory_growth' needs measurements; give `memory.growth`")
    rows = pd.DataFrame(measured).assign(context=[one["shape"][0] for one in measured])
    networks = list(rows.groupby("model", sort=False))
    drawing, grid = style.panels(len(networks), 2.3, label="peak memory, bytes", sharey=True)
    for axes, (model, network) in zip(grid, networks, strict=True):
        _network(axes, network)
        axes.set_title(f"{model}\nd = {network['d'].iloc[0]:,}", loc="left")
    handles = [
        Line2D([], [], **look._replace(linestyle="")._asdict(), label=f"{name}, measured")
        for name, look in ROLES.values()
    ]
    batch = ", ".join(map(str, sorted(set(rows["images"]))))
    label = f"by formula; texts at once: {batch}"
    handles.append(Line2D([], [], **MODEL, label=label))
    drawing.legend(handles=handles, loc="outside upper left")
    return drawing


def _network(axes: Axes, rows: pd.DataFrame) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for role, (_, look) in ROLES.items():
        own = rows[rows["role"] == role].sort_values("context")
        axes.plot(own["context"], own["formula_bytes"], **MODEL | {"color": look.color})
        dots = look._replace(linestyle="")._asdict()
        axes.plot(own["context"], own["allocator_peak_bytes"], **dots)
    axes.set_xticks(sorted(set(rows["context"])), sorted(set(rows["context"])))
    axes.set_xlabel("context, tokens")
    style.decades(axes.yaxis, style.BYTES)
