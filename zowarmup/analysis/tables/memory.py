"""Peak memory of one client: by the formulas and as measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from zowarmup.analysis.tables.table import captioned
from zowarmup.common.errors import UserError

CLIENTS = {
    "high": "high-resource: a step of backpropagation",
    "low": "low-resource: a zeroth-order probe",
    "low1": "low-resource: the same image by image",
}
CAPTION = (
    "Peak memory of one client beyond its images, each measured in a process of its own on "
    "{where}. Look for: a low-resource client needs a fraction of the memory of backpropagation, "
    "and image by image little more than the weights and the largest layer. The formula counts "
    "weights, gradients and activations; the allocator's peak is the memory that torch gave out at "
    "once, with its scratch; the growth of the process adds loaded libraries and the system's "
    "rounding. Per cent are of the measured peak of backpropagation by the same network."
)


def table(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per network and role, in the order of the networks given.

    Args:
        metrics: unused; every table gets them.
        measured: the contents of the files that the rule `memory` writes.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the table 'memory' needs measurements: name a network in memory.models")
    models, roles = [one["model"] for one in measured], list(CLIENTS)
    rows = sorted(measured, key=lambda one: (models.index(one["model"]), roles.index(one["role"])))
    where = ", ".join(dict.fromkeys(_device(one) for one in measured))
    peaks = {(one["model"], one["role"]): one["allocator_peak_bytes"] for one in measured}
    return captioned(
        (_row(one, peaks.get((one["model"], "high"), float("nan"))) for one in rows),
        CAPTION.format(where=where),
    )


def _row(one: Mapping[str, Any], backprop: float) -> dict[str, Any]:
    peak = one["allocator_peak_bytes"]
    resident = one["resident_growth_bytes"]  # None where the system does not report it
    return {
        "model": one["model"],
        "role": one["role"],
        "client": CLIENTS[one["role"]],
        "d": one["d"],
        "batch": one["batch"],
        "formula_bytes": float(one["formula_bytes"]),
        "allocator_peak_bytes": float(peak),
        "peak_over_formula": peak / one["formula_bytes"],
        "share_of_backprop": peak / backprop,
        "resident_growth_bytes": float("nan") if resident is None else float(resident),
    }


def _device(one: Mapping[str, Any]) -> str:
    on = one["hardware"]["accelerator" if one["device"] == "cuda" else "processor"]
    return f"{on} (torch {one['versions']['torch']})"
