"""The main comparison: what each method reaches on each split, and what it costs."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

CAPTION = (
    "Main comparison: final test accuracy, mean and standard deviation over n seeds. "
    "What to see: the difference to High Res Only (paired by seed, with its 95 % t interval, not "
    "corrected for the number of rows; the claims are) should be largest where high-resource "
    "clients are few, and ZOWarmUp restricted to the high-resource clients' data should not share "
    "it. Missing classes are those of whose training images the high-resource clients hold under "
    "1 %: how many, and the mean recall on them, both averaged over seeds. Bytes are summed over "
    "all clients and rounds; those of one low-resource client are up and down together. A diverged "
    "run counts with the accuracy it ended at. FedAvg on all clients is a bound: it treats every "
    "client as high-resource, so it is the same on every split."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split and method of the study `main`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.final_rows(m.of_study(metrics, "main"))
    rows = []
    for _, _, group in m.by_split(final):
        rows += [_row(group, method) for method in m.methods(group)]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _row(group: pd.DataFrame, method: str) -> dict[str, Any]:
    cell = group[group["method"] == method]
    # Against itself the reference has no difference, not a difference of nought.
    other = "" if method == cells.REFERENCE else cells.REFERENCE
    return {
        **cell.iloc[0][["dataset", "model", "split", "method", "label"]],
        **cells.accuracy(cell),
        **cells.difference(cell, group[group["method"] == other]),
        "missing_classes": cell["missing_classes"].mean(),
        "missing_recall": cell["missing_recall"].mean(),
        **cells.costs(cell),
        "estimator": cells.only(cell, "estimator"),
    }
