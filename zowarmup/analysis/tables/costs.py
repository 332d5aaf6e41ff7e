"""What each method costs: bytes and passes as counted, beside the formulas."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from zowarmup.analysis import cost_formulas
from zowarmup.analysis import metrics as m

CAPTION = (
    "Costs: what one client sends and receives, up / down. Of a round and once before a phase (the "
    "model, where only scalars follow) by formula; in total as counted in training and by formula. "
    "The last row of a method is all clients together, with the passes of one image through the "
    "network. Equal says whether counts and formulas agree for every seed: the bytes of the row, "
    "and in the last one the passes too. What to see: a low-resource client gets the model once "
    "and then hundreds of bytes a round, where other methods send it a model every round."
)
NAMES = {"high": "a high-resource client", "low": "a low-resource client"}
NONE = float("nan")


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Up to three rows per data set, model, split and method of the study `main`: tiers and all.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.last_rows(m.of_study(metrics, "main"))
    rows = []
    for _, _, group in m.by_split(final):
        for method in m.methods(group):
            cell = group[group["method"] == method]
            rows += [_client(cell, tier) for tier in cost_formulas.TIERS if _size(cell, tier)]
            rows.append(_all(cell))
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _size(cell: pd.DataFrame, tier: str) -> int:
    """Number of clients of a tier."""
    high = int(cell["high_clients"].iloc[0])
    return high if tier == "high" else int(cell["clients"].iloc[0]) - high


def _client(cell: pd.DataFrame, tier: str) -> dict[str, Any]:
    size = _size(cell, tier)
    counted = pd.DataFrame({way: _counted(cell, way, tier) for way in ("up", "down")})
    expected = _expected(cell, (tier,))[["up", "down"]]
    settings = dict(cell.iloc[0])
    return {
        **_whose(cell, NAMES[tier]),
        "clients": size,
        **_round(settings, tier),
        **_bytes(counted / size, expected / size),
        "forward_passes": NONE,
        "backward_passes": NONE,
        "equal": _equal(counted, expected),
    }


def _all(cell: pd.DataFrame) -> dict[str, Any]:
    names = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")
    counted = cell[list(names)].set_axis(list(cost_formulas.Cost._fields), axis=1)
    expected = _expected(cell, cost_formulas.TIERS)
    return {
        **_whose(cell, "all clients"),
        "clients": int(cell["clients"].iloc[0]),
        **{f"{way}_{number}": NONE for number in (1, 2) for way in ("up", "down")},
        "once": NONE,
        **_bytes(counted, expected),
        "forward_passes": counted["forward"].mean(),
        "backward_passes": counted["backward"].mean(),
        "equal": _equal(counted, expected),
    }


def _whose(cell: pd.DataFrame, tier: str) -> dict[str, Any]:
    return {**cell.iloc[0][["dataset", "model", "split", "method", "label"]], "tier": tier}


def _round(settings: Mapping[str, Any], tier: str) -> dict[str, float]:
    """Bytes of a client in a round of each phase that it takes part in, and before the phases."""
    result = {f"{way}_{number}": NONE for number in (1, 2) for way in ("up", "down")} | {"once": 0}
    for phase in cost_formulas.phases(settings):
        if phase.members[tier]:
            cost = cost_formulas.per_round(phase, tier)
            result |= {f"up_{phase.number}": cost.up, f"down_{phase.number}": cost.down}
            result["once"] += cost_formulas.once(phase)
    return result


def _counted(cell: pd.DataFrame, way: str, tier: str) -> pd.Series:
    low = cell[f"bytes_{way}_low"]
    return low if tier == "low" else cell[f"bytes_{way}"] - low


def _expected(cell: pd.DataFrame, tiers: tuple[str, ...]) -> pd.DataFrame:
    """The formulas' sums over tiers, one row per run of the cell."""
    rows = [[cost_formulas.total(row, tier) for tier in tiers] for row in cell.to_dict("records")]
    sums = [[sum(parts) for parts in zip(*row, strict=True)] for row in rows]
    return pd.DataFrame(sums, index=cell.index, columns=list(cost_formulas.Cost._fields))


def _bytes(counted: pd.DataFrame, expected: pd.DataFrame) -> dict[str, float]:
    return {
        "bytes_up": counted["up"].mean(),
        "bytes_down": counted["down"].mean(),
        "formula_up": expected["up"].mean(),
        "formula_down": expected["down"].mean(),
    }


def _equal(counted: pd.DataFrame, expected: pd.DataFrame) -> str:
    if expected.isna().any(axis=None):
        return "no formula"
    return "yes" if (counted == expected[counted.columns]).all(axis=None) else "no"
