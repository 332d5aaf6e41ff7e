"""How well zeroth-order steps point along the true gradient, beside what theory expects."""

from math import sqrt
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

STUDIES = ("main", "width")
CAPTION = (
    "Gradient quality: cosine between the step of a zeroth-order round and the true gradient of "
    "the mean training loss of the clients that took it, mean over the evaluated rounds of the "
    "phase, then mean and standard deviation over n seeds. P random directions among d parameters "
    "find sqrt(P/(P+d)) of a gradient that all clients share; ratio is the cosine over that. Each "
    "client tries its directions on its own images, so where gradients differ between clients less "
    "is found: sqrt(P/(P+B^2 d)), B^2 being the mean squared length of the clients' gradients over "
    "that of their mean. What to see: the cosine falls with P/d, and B^2 explains how far it stays "
    "below the first formula. Adam and several local steps go along other ways than one estimate."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per study, data set, model, split, d and method with a cosine.

    Raises:
        MetricsError: the metrics hold no row of the studies `main` and `width`.
    """
    rows = measured(m.of_study(metrics, *STUDIES))
    found = [
        _row(cell)
        for study in STUDIES
        for _, _, group in m.by_split(rows[rows["study"] == study])
        for _, same in group.groupby("d")
        for cell in (same[same["method"] == method] for method in m.methods(same))
    ]
    result = pd.DataFrame(found)
    result.attrs["caption"] = CAPTION
    return result


def measured(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with a cosine: those of zeroth-order rounds.

    Raises:
        MetricsError: there are none.
    """
    found = rows[rows["gradient_cosine"].notna()]
    if found.empty:
        studies = ", ".join(sorted(rows["study"].unique()))
        raise m.MetricsError(
            f"no row of the studies {studies} has a gradient_cosine: give them a method with "
            "zeroth-order rounds"
        )
    return found


def expected(row: Any) -> float:
    """sqrt(P/(P+d)): the cosine of a vector with its projection on P random directions."""
    return sqrt(row["directions"] / (row["directions"] + row["d"]))


def expected_of(rows: pd.DataFrame) -> pd.Series:
    """sqrt(P/(P + B^2 d)) of each row: with each client's directions tried on its own images."""
    P = rows["directions"]
    return (P / (P + rows["dissimilarity"] * rows["d"])).pow(0.5)


def by_seed(cell: pd.DataFrame) -> pd.Series:
    """The mean cosine over the rounds of each seed."""
    m.by_seed(m.last_rows(cell))  # or else a sentence that says which runs do not belong together
    return cell.groupby("seed")["gradient_cosine"].mean()


def _row(cell: pd.DataFrame) -> dict[str, Any]:
    first, values = cell.iloc[0], by_seed(cell)
    return {
        **first[["study", "dataset", "model", "split", "method", "label"]],
        **cells.size(cell),
        "cosine_mean": values.mean(),
        "cosine_std": values.std(),
        "n": len(values),
        "cosine_expected": expected(first),
        "cosine_ratio": values.mean() / expected(first),
        "dissimilarity": cell["dissimilarity"].mean(),
        "cosine_dissimilar": expected_of(cell).mean(),
        "estimator": cells.only(cell, "estimator"),
    }
