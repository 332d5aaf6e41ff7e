"""Table of zeroth-order training by depth, beside the gain that theory expects of one round."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables.cells import REFERENCE, SPLIT, Cell, captioned
from zowarmup.common.errors import UserError

CAPTION = (
    "Depth: final test accuracy of zeroth-order training by network and by the model that it "
    "starts from, mean and standard deviation over n seeds, beside what predicts it. At the "
    "start: the squared gradient |g|^2 of the mean training loss of all clients; B^2, the "
    "dissimilarity of the clients' gradients; tr H and lambda, trace and largest eigenvalue of the "
    "Hessian of that loss; gain, the best expected decrease of the loss in one round of P "
    "directions, |g|^2 / (2 (lambda + B^2 tr H / P)); all as mean ± standard error over the seeds. "
    "A seed whose tr H is not positive counts with lambda alone; a column says how many. tr H has "
    "a further error, from the random vectors that estimate it, and lambda one from where its "
    "iteration stopped. Look for: from scratch, training fails where the gain at the "
    "initialisation is small, and the warm-up leads to a model where it is large."
)
KEYS = ["dataset", "model", "width", "split", "seed"]
QUANTITIES = ("gradient_square", "start_dissimilarity", "trace", "top", "gain")


def table(metrics: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return a row per network, split and method with a zeroth-order phase.

    Args:
        measured: the files of the rule `curvature`.

    Raises:
        MetricsError: the metrics hold no row of the study `depth`.
        UserError: nothing was measured.
    """
    rows = with_curvature(m.final_rows(m.of_study(metrics, "depth")), measured)
    every = cells.cells(metrics, rows, {"depth": ("method",)})
    steps = [cell for cell in every if cell.first["directions"] > 0]
    steps.sort(key=lambda cell: tuple(cell.first[["d", "model", "start"]]))
    return captioned(map(_row, steps), CAPTION)


def with_curvature(rows: pd.DataFrame, measured: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows with the quantities at the model where their last phase starts.

    Raises:
        UserError: nothing was measured.
    """
    if not measured:
        raise UserError("the study `depth` was not measured; let one of its methods warm up")
    points = pd.DataFrame(
        {key: one[key] for key in KEYS} | {"start": point.pop("round")} | point
        for one in measured
        for point in map(dict, one["points"])
    )
    quantities = points.columns.drop([*KEYS, "start"])
    points = points.astype(dict.fromkeys(quantities, float))  # None becomes NaN
    points = points.rename(columns={"dissimilarity": "start_dissimilarity"})  # not a round's
    rows = rows.assign(start=rows["pivot"].fillna(0))
    settings = points.columns.intersection(rows.columns).drop([*KEYS, "start"])  # `top` of zo_mixed
    rows = rows.drop(columns=settings).merge(points, "left", [*KEYS, "start"])
    return rows.assign(gain=gain(rows))


def gain(rows: pd.DataFrame) -> pd.Series:
    """Return the best expected gain of a round; NaN if no curvature bounds it.

    The loss after a step of length eta is L - eta |g|^2 + eta^2 / 2 |g|^2 (lambda + B^2 tr H / P).
    """
    noise = rows["start_dissimilarity"] * rows["trace"].clip(lower=0) / rows["directions"]
    bound = rows["top"] + noise
    value = rows["gradient_square"] / (2 * bound.where(bound > 0))
    return value.where(np.isfinite(value))  # without directions there is no such round


def _row(cell: Cell) -> dict[str, Any]:
    rows, pivot = cell.rows, cell.first["pivot"]
    reference = cells.accuracy(cell.others(*SPLIT, method=REFERENCE))
    return {
        **cell.first[[*SPLIT, "method", "label"]],
        "d": int(cell.first["d"]),
        "from": "initialisation" if pd.isna(pivot) else f"round {pivot:.0f}",
        **{name: value for q in QUANTITIES for name, value in _mean(rows, q).items()},
        "trace_vectors": rows["trace_error"].mean(),
        "top_change": rows["top_change"].mean(),
        "flat": int((rows["trace"] <= 0).sum()),
        **cells.accuracy(rows),
        **cells.diverged(cell),
        "high_mean": reference["accuracy_mean"],
        "high_std": reference["accuracy_std"],
        **cells.difference(rows, cell.others(*SPLIT, method=REFERENCE)),
    }


def _mean(rows: pd.DataFrame, name: str) -> dict[str, float]:
    """Return mean and standard error over the seeds that have the quantity."""
    return {f"{name}_mean": rows[name].mean(), f"{name}_error": rows[name].sem()}
