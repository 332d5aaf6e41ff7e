"""Peak memory of one client: by the formulas and as measured."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from zowarmup.analysis.tables.cells import captioned
from zowarmup.common.errors import UserError

CLIENTS = {
    "high": "high-resource: a step of backpropagation",
    "low": "low-resource: a zeroth-order probe",
    "low1": "low-resource: the same image by image",
}
BYTES = ("formula_bytes", "allocator_peak_bytes", "resident_growth_bytes")
COLUMNS = (
    "model", "role", "client", "d", "batch", *BYTES[:2], "peak_over_formula", "share_of_backprop",
    BYTES[2],
)  # fmt: skip
CAPTION = (
    "Peak memory of one client beyond its images, each measured in a process of its own on "
    "{where}. Look for: a low-resource client needs a fraction of the memory of backpropagation "
    "(per cent, by the same network), and image by image little more than the weights and the "
    "largest layer. The formula counts weights, gradients and activations; the allocator's peak "
    "adds torch's scratch, the growth of the process libraries and the system's rounding."
)


def table(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per network and role, in the order of the measurements; no row of the metrics.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the table 'memory' needs measurements: name a network in memory.models")
    models, roles = [one["model"] for one in measured], list(CLIENTS)
    order = sorted(measured, key=lambda one: (models.index(one["model"]), roles.index(one["role"])))
    rows = pd.DataFrame(order).astype(dict.fromkeys(BYTES, float))  # None becomes NaN
    formula, peak, _ = (rows[column] for column in BYTES)
    high = rows[rows["role"] == "high"]
    backprop = dict(zip(high["model"], high["allocator_peak_bytes"], strict=True))
    rows["client"] = rows["role"].map(CLIENTS)
    rows["peak_over_formula"] = peak / formula
    rows["share_of_backprop"] = peak / rows["model"].map(backprop)
    where = ", ".join(dict.fromkeys(_device(one) for one in measured))
    return captioned(rows[list(COLUMNS)], CAPTION.format(where=where))


def _device(one: Mapping[str, Any]) -> str:
    on = one["hardware"]["accelerator" if one["device"] == "cuda" else "processor"]
    return f"{on} (torch {one['versions']['torch']})"
