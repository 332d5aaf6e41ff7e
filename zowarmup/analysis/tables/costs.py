"""The costs of each method: bytes and passes as counted in training, beside the formulas."""

from math import nan
from typing import Any

import numpy as np
import pandas as pd

from zowarmup.analysis import cost_formulas
from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables.cells import SPLIT, Cell, captioned, cells

CAPTION = (
    "Costs: bytes that one client sends and receives, up / down: of a round and once before a phase "
    "(the model, where only scalars follow) by formula, in total as counted and by formula. The "
    "last row of a method is all clients together, with the passes of one image through the "
    "network. Equal: counts (bytes, in the last row passes too) and formulas agree for every seed. "
    "Look for: a low-resource client gets the model once and then hundreds of bytes a round, where "
    "other methods send it a model every round."
)
NAMES = {"high": "a high-resource client", "low": "a low-resource client", "all": "all clients"}
COLUMNS = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")
ROUND = ("up_1", "down_1", "up_2", "down_2")


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Up to three rows per data set, model, split and method of the study `main`: tiers and all.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    last = m.last_rows(m.of_study(metrics, "main"))
    rows = []
    for cell in cells(metrics, last, {"main": ("method",)}):
        high, every = int(cell.first["high_clients"]), int(cell.first["clients"])
        sizes = {"high": high, "low": every - high, "all": every}
        rows += [_row(cell, tier, size) for tier, size in sizes.items() if size]
    return captioned(rows, CAPTION)


def _row(cell: Cell, tier: str, size: int) -> dict[str, Any]:
    """The costs of one client of a tier, or of all clients together."""
    counted, clients = _counted(cell, tier), 1 if tier == "all" else size
    expected = _expected(cell, tier)[counted.columns]
    means = (counted / clients).mean().reindex(COLUMNS)
    formula = (expected / clients).mean()
    equal = "yes" if (counted == expected).all(axis=None) else "no"
    return {
        **cell.first[[*SPLIT, "method", "label"]],
        "tier": NAMES[tier],
        "clients": size,
        **_round(cell, tier),
        **means[:2],
        "formula_up": formula["bytes_up"],
        "formula_down": formula["bytes_down"],
        **means[2:],
        "equal": "no formula" if expected.isna().any(axis=None) else equal,
    }


def _counted(cell: Cell, tier: str) -> pd.DataFrame:
    """Bytes and passes as counted, one row per run; the passes of all clients together only."""
    if tier == "all":
        return cell.rows[list(COLUMNS)]
    ways = list(COLUMNS[:2])
    low = cell.rows[[f"{way}_low" for way in ways]].set_axis(ways, axis=1)
    return low if tier == "low" else cell.rows[ways] - low


def _expected(cell: Cell, tier: str) -> pd.DataFrame:
    """Bytes and passes by formula, one row per run."""
    runs = cell.rows.to_dict("records")
    tiers = cost_formulas.TIERS if tier == "all" else (tier,)
    sums = sum(np.array([cost_formulas.total(run, one) for run in runs]) for one in tiers)
    return pd.DataFrame(sums, cell.rows.index, COLUMNS)


def _round(cell: Cell, tier: str) -> dict[str, float]:
    """Bytes of a client in a round of each phase that it takes part in, and before the phases."""
    result = dict.fromkeys(ROUND, nan) | {"once": nan if tier == "all" else 0}
    for phase in cost_formulas.phases(dict(cell.first)):
        if tier != "all" and phase.members[tier]:
            cost = cost_formulas.per_round(phase, tier)
            result |= {f"up_{phase.number}": cost.up, f"down_{phase.number}": cost.down}
            result["once"] += cost_formulas.once(phase)
    return result
