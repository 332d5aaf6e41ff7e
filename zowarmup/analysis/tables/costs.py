"""The costs of each method: bytes and passes as counted in training, beside the formulas."""

from typing import Any

import pandas as pd

from zowarmup.analysis import cost_formulas
from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables.cells import SPLIT
from zowarmup.analysis.tables.table import Cell, captioned, cells

CAPTION = (
    "Costs: what one client sends and receives, up / down. Of a round and once before a phase (the "
    "model, where only scalars follow) by formula; in total as counted in training and by formula. "
    "The last row of a method is all clients together, with the passes of one image through the "
    "network. Equal says whether counts and formulas agree for every seed: the bytes of the row, "
    "and in the last one the passes too. Look for: a low-resource client gets the model once and "
    "then hundreds of bytes a round, where other methods send it a model every round."
)
NAMES = {"high": "a high-resource client", "low": "a low-resource client"}
BYTES = {"up": "bytes_up", "down": "bytes_down"}
PASSES = {"forward": "forward_passes", "backward": "backward_passes"}
ROUND = [f"{way}_{number}" for number in (1, 2) for way in BYTES]
NONE = float("nan")


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Up to three rows per data set, model, split and method of the study `main`: tiers and all.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    last = m.last_rows(m.of_study(metrics, "main"))
    return captioned(
        (row for cell in cells(metrics, last, {"main": ("method",)}) for row in _rows(cell)),
        CAPTION,
    )


def _rows(cell: Cell) -> list[dict[str, Any]]:
    """A row for each tier that has clients, and one for all clients."""
    low = int(cell.first["clients"] - cell.first["high_clients"])
    sizes = {"high": int(cell.first["high_clients"]), "low": low}
    rows = [_client(cell, tier, size) for tier, size in sizes.items() if size]
    return [*rows, _all(cell)]


def _client(cell: Cell, tier: str, size: int) -> dict[str, Any]:
    low = cell.rows[["bytes_up_low", "bytes_down_low"]].set_axis(list(BYTES), axis=1)
    both = cell.rows[list(BYTES.values())].set_axis(list(BYTES), axis=1)
    counted = low if tier == "low" else both - low
    expected = _expected(cell, (tier,))[list(BYTES)]
    return {
        **cell.first[[*SPLIT, "method", "label"]],
        "tier": NAMES[tier],
        "clients": size,
        **_round(cell, tier),
        **_bytes(counted / size, expected / size),
        **dict.fromkeys(PASSES.values(), NONE),
        "equal": _equal(counted, expected),
    }


def _all(cell: Cell) -> dict[str, Any]:
    names = BYTES | PASSES
    counted = cell.rows[list(names.values())].set_axis(list(names), axis=1)
    expected = _expected(cell, cost_formulas.TIERS)
    return {
        **cell.first[[*SPLIT, "method", "label"]],
        "tier": "all clients",
        "clients": int(cell.first["clients"]),
        **dict.fromkeys([*ROUND, "once"], NONE),
        **_bytes(counted, expected),
        **{column: counted[name].mean() for name, column in PASSES.items()},
        "equal": _equal(counted, expected),
    }


def _round(cell: Cell, tier: str) -> dict[str, float]:
    """Bytes of a client in a round of each phase that it takes part in, and before the phases."""
    result = dict.fromkeys(ROUND, NONE) | {"once": 0}
    for phase in cost_formulas.phases(dict(cell.first)):
        if phase.members[tier]:
            cost = cost_formulas.per_round(phase, tier)
            result |= {f"up_{phase.number}": cost.up, f"down_{phase.number}": cost.down}
            result["once"] += cost_formulas.once(phase)
    return result


def _expected(cell: Cell, tiers: tuple[str, ...]) -> pd.DataFrame:
    """The formulas' sums over tiers, one row per run of the cell."""
    runs = cell.rows.to_dict("records")
    costs = [pd.DataFrame([cost_formulas.total(run, tier) for run in runs]) for tier in tiers]
    return sum(costs[1:], costs[0]).set_axis(cell.rows.index)


def _bytes(counted: pd.DataFrame, expected: pd.DataFrame) -> dict[str, float]:
    sides = {"bytes": counted, "formula": expected}
    return {f"{side}_{way}": rows[way].mean() for side, rows in sides.items() for way in BYTES}


def _equal(counted: pd.DataFrame, expected: pd.DataFrame) -> str:
    if expected.isna().any(axis=None):
        return "no formula"
    return "yes" if (counted == expected[counted.columns]).all(axis=None) else "no"
