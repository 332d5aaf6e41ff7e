"""Draws what benchmarks/client_memory.py measured."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from zowarmup.analysis.figures.drawing import style
from zowarmup.analysis.figures.memory_growth import ROLES

MEGA = 1e6


def write(folder: Path, rows: list[dict[str, Any]], limit: int) -> None:
    """Write the rows as a table, and their growth as a figure."""
    frame = pd.DataFrame(rows).assign(limit=limit)
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "client_memory.csv", index=False)
    picture(frame).savefig(folder / "client_memory.png", dpi=200)


@style.styled
def picture(frame: pd.DataFrame) -> Figure:
    """Draw the growth as dots, the formula as a line and the limit, over the number of images."""
    drawing, (axes,) = style.panels(1, 2.6, label="memory beyond the baseline, MB")
    for role, (name, look) in ROLES.items():
        own = frame[frame["role"] == role].sort_values("images")
        dots = look._replace(linestyle="")._asdict()
        axes.plot(own["images"], own["grown"] / MEGA, label=f"{name}, measured", **dots)
        axes.plot(own["images"], own["formula"] / MEGA, color=look.color, lw=1, label="by formula")
    limit = frame["limit"].iloc[0] / MEGA
    axes.axhline(limit, color=style.GREY, ls="--", lw=1, label="hard limit")
    axes.set_xticks(sorted(set(frame["images"])))
    axes.set_xlabel("images of a client, in one batch of backpropagation")
    axes.set_ylim(bottom=0)
    drawing.legend(loc="outside upper left", ncols=2)
    return drawing
