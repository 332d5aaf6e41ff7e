"""Peak memory of one client: what the formulas say and what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from zowarmup.common.errors import UserError

CLIENTS = {
    "high": "high-resource: a step of backpropagation",
    "low": "low-resource: a zeroth-order probe",
    "low1": "low-resource: the same image by image",
}
CAPTION = (
    "Peak memory of one client beyond its images, each measured in a process of its own on "
    "{where}. What to see: a low-resource client needs a fraction of what backpropagation needs, "
    "and image by image little more than the weights and the largest layer. The formula counts "
    "weights, gradients and activations; the allocator's peak is what torch gave out at once, with "
    "its scratch; the growth of the process has on top what libraries load and what the system "
    "rounds up. Per cent are of the measured peak of backpropagation by the same network."
)


def table(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per network and role, in the order of the networks given.

    Args:
        metrics: not looked at; every table gets them.
        measured: the contents of the files that the rule `memory` writes.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the table 'memory' needs measurements: name a network in memory.models")
    models = list(dict.fromkeys(one["model"] for one in measured))
    result = pd.DataFrame(
        [
            _row(one, measured)
            for model in models
            for role in CLIENTS
            for one in measured
            if (one["model"], one["role"]) == (model, role)
        ]
    )
    where = ", ".join(dict.fromkeys(_where(one) for one in measured))
    result.attrs["caption"] = CAPTION.format(where=where)
    return result


def _row(one: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    peaks = {(other["model"], other["role"]): other["allocator_peak_bytes"] for other in measured}
    peak = one["allocator_peak_bytes"]
    resident = one["resident_growth_bytes"]  # None where the system does not tell
    return {
        "model": one["model"],
        "role": one["role"],
        "client": CLIENTS[one["role"]],
        "d": one["d"],
        "batch": one["batch"],
        "formula_bytes": float(one["formula_bytes"]),
        "allocator_peak_bytes": float(peak),
        "peak_over_formula": peak / one["formula_bytes"],
        "share_of_backprop": peak / peaks.get((one["model"], "high"), float("nan")),
        "resident_growth_bytes": float("nan") if resident is None else float(resident),
    }


def _where(one: Mapping[str, Any]) -> str:
    """The device that the numbers are of."""
    on = one["hardware"]["accelerator" if one["device"] == "cuda" else "processor"]
    return f"{on} (torch {one['versions']['torch']})"
