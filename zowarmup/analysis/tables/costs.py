"""The tables of a client's costs, measured and by formula: bytes, passes and peak memory."""

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
import pandas as pd

from zowarmup.analysis import cost_formulas
from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables.cells import SPLIT, Cell, captioned, cells
from zowarmup.common.errors import UserError

CAPTION = (
    "Costs: bytes that one client sends and receives, up / down: of a round and once before a "
    "phase (the model, where only scalars follow) by formula, in total as counted and by formula. "
    "The last row of a method is all clients together, with the passes of one image through the "
    "network. Equal: counts (bytes, in the last row passes too) and formulas agree for every seed "
    "whose run did not diverge. Look for: a low-resource client gets the model once and then "
    "hundreds of bytes a round, where other methods send it a model every round."
)
NAMES = {"high": "a high-resource client", "low": "a low-resource client", "all": "all clients"}
COLUMNS = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")
ROUND = ("up_1", "down_1", "up_2", "down_2")
CLIENTS = {
    "high": "high-resource: a step of backpropagation",
    "low": "low-resource: a zeroth-order probe",
    "low1": "low-resource: the same image by image",
}
BYTES = ("formula_bytes", "allocator_peak_bytes", "resident_growth_bytes")
MEMORY_COLUMNS = (
    "model", "role", "client", "d", "batch", *BYTES[:2], "peak_over_formula", "share_of_backprop",
    BYTES[2],
)  # fmt: skip
MEMORY_CAPTION = (
    "Peak memory of one client beyond its images, each measured in a process of its own on "
    "{where}. Look for: a low-resource client needs a fraction of the memory of backpropagation "
    "(per cent, by the same network), and image by image little more than the weights and the "
    "largest layer. The formula counts weights, gradients and activations; the allocator's peak "
    "adds torch's scratch, the growth of the process libraries and the system's rounding."
)


def costs(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return rows for each tier and all clients, by data set, model, split and method of `main`.

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
    """Return the costs of one client of a tier, or of all clients together."""
    counted, clients = _counted(cell, tier), 1 if tier == "all" else size
    expected = _expected(cell, tier)[counted.columns]
    means = (counted / clients).mean().reindex(COLUMNS)
    formula = (expected / clients).mean()
    return {
        **cell.first[[*SPLIT, "method", "label"]],
        "tier": NAMES[tier],
        "clients": size,
        **_round(cell, tier),
        **means[:2],
        "formula_up": formula["bytes_up"],
        "formula_down": formula["bytes_down"],
        **means[2:],
        "equal": _equal(*(rows[~cell.rows["diverged"]] for rows in (counted, expected))),
    }


def _equal(counted: pd.DataFrame, expected: pd.DataFrame) -> str:
    """Return whether counts and formulas agree; "" without a run to compare."""
    if expected.empty or expected.isna().any(axis=None):
        return "no formula" if len(expected) else ""
    return "yes" if (counted == expected).all(axis=None) else "no"


def _counted(cell: Cell, tier: str) -> pd.DataFrame:
    """Return the bytes as counted, one row per run; for all clients together also the passes."""
    if tier == "all":
        return cell.rows[list(COLUMNS)]
    ways = list(COLUMNS[:2])
    low = cell.rows[[f"{way}_low" for way in ways]].set_axis(ways, axis=1)
    return low if tier == "low" else cell.rows[ways] - low


def _expected(cell: Cell, tier: str) -> pd.DataFrame:
    """Return bytes and passes by formula, one row per run."""
    runs = cell.rows.to_dict("records")
    tiers = cost_formulas.TIERS if tier == "all" else (tier,)
    sums = sum(np.array([cost_formulas.total(run, one) for run in runs]) for one in tiers)
    expected = pd.DataFrame(sums, cell.rows.index, COLUMNS)
    return expected.where(cell.rows[m.PROBED].isna())  # no formula counts probes


def _round(cell: Cell, tier: str) -> dict[str, float]:
    """Return the bytes of a client before the phases, and in a round of each of its phases."""
    result = dict.fromkeys(ROUND, nan) | {"once": nan if tier == "all" else 0}
    for phase in cost_formulas.phases(dict(cell.first)):
        if tier != "all" and phase.members[tier]:
            cost = cost_formulas.per_round(phase, tier)
            result |= {f"up_{phase.number}": cost.up, f"down_{phase.number}": cost.down}
            result["once"] += cost_formulas.once(phase)
    return result


def memory(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row per measured network and role; the metrics are not used.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the table 'memory' needs measurements; name a network in `memory.models`")
    models, roles = [one["model"] for one in measured], list(CLIENTS)
    order = sorted(measured, key=lambda one: (models.index(one["model"]), roles.index(one["role"])))
    rows = pd.DataFrame(order).astype(dict.fromkeys(BYTES, float))  # None becomes NaN
    formula, peak, _ = (rows[column] for column in BYTES)
    high = rows[rows["role"] == "high"]
    backprop = dict(zip(high["model"], high["allocator_peak_bytes"], strict=True))
    rows["client"] = rows["role"].map(CLIENTS)
    rows["peak_over_formula"] = peak / formula
    rows["share_of_backprop"] = peak / rows["model"].map(backprop)
    where = ", ".join(dict.fromkeys(map(_device, measured)))
    return captioned(rows[list(MEMORY_COLUMNS)], MEMORY_CAPTION.format(where=where))


def _device(one: Mapping[str, Any]) -> str:
    on = one["hardware"]["accelerator" if one["device"] == "cuda" else "processor"]
    return f"{on} (torch {one['versions']['torch']})"
