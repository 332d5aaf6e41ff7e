"""The groups of columns that several tables share. Accuracies are fractions, not per cent."""

from math import ceil
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics

REFERENCE = "high_res_only"
# What two runs of a study must have in common for one to be the other's reference.
CONTEXT = ["dataset", "model", "split", "alpha", "clients", "width"]


def accuracy(cell: pd.DataFrame) -> dict[str, Any]:
    """Mean, standard deviation (n - 1 below) and number of the seeds of one cell."""
    values = m.by_seed(cell)
    return {
        "accuracy_mean": values.mean(),
        "accuracy_std": values.std(),
        "n": len(values),
    }


def difference(cell: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    """The paired difference to a reference with its 95 % interval; NaN where there is none."""
    estimate = statistics.mean_interval(m.differences(m.by_seed(cell), m.by_seed(reference)))
    return {
        "difference": estimate.effect,
        "difference_low": estimate.low,
        "difference_high": estimate.high,
        "pairs": estimate.n,
    }


def reference(cell: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """High Res Only with the same network and clients; nothing for High Res Only itself."""
    first = cell.iloc[0]
    other = "" if first["method"] == REFERENCE else REFERENCE
    same = (rows[CONTEXT] == first[CONTEXT]).all(axis=1)
    return rows[same & (rows["method"] == other)]


def elsewhere(
    metrics: pd.DataFrame, scale: tuple[str, str], split: str, method: str = REFERENCE
) -> pd.DataFrame:
    """The final rows of a method of the study `main` on this split; perhaps none."""
    rows = m.at_scale(metrics, scale)
    chosen = (rows["study"] == "main") & (rows["method"] == method) & (rows["split"] == split)
    return m.final_rows(rows[chosen]) if chosen.any() else rows[chosen]


def low_client_bytes(rows: pd.DataFrame) -> pd.Series:
    """What one low-resource client sends and receives, per row; NaN where there is none."""
    low = rows["clients"] - rows["high_clients"]
    return (rows["bytes_up_low"] + rows["bytes_down_low"]) / low.where(low > 0)


def size(cell: pd.DataFrame) -> dict[str, Any]:
    """d, and how many directions a round takes for each parameter; NaN without directions."""
    first = cell.iloc[0]
    share = first["directions"] / first["d"] if first["directions"] else float("nan")
    return {"d": int(first["d"]), "p_over_d": share}


def costs(cell: pd.DataFrame) -> dict[str, Any]:
    """Bytes over the whole run (mean over seeds), and how many runs diverged."""
    return {
        "bytes_up": cell["bytes_up"].mean(),
        "bytes_down": cell["bytes_down"].mean(),
        "bytes_low_client": low_client_bytes(cell).mean(),
        "diverged": int(cell["diverged"].sum()),
    }


def only(cell: pd.DataFrame, column: str) -> str:
    """What the runs of a cell have in this column; several values are joined, never averaged."""
    values = cell[column].dropna().unique()
    return ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values)


def steps(cell: pd.DataFrame) -> int:
    """Local steps of a client in a round of the last phase; one without mini-batches."""
    first = cell.iloc[0]
    number = 2 if first["algorithm_2"] else 1
    epochs, batch = first[f"epochs_{number}"], first[f"batch_{number}"]
    return 1 if pd.isna(batch) else int(epochs) * ceil(first["images"] / batch)
