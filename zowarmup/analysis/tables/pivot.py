"""The pivot ablation: when to stop warming up."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

CAPTION = (
    "Pivot ablation: final test accuracy of ZOWarmUp by the round at which zeroth-order training "
    "starts, mean and standard deviation over n seeds. What to see: a pivot in the middle should "
    "beat both an early one (the warm-up is not yet good enough) and a late one (too few rounds "
    "with the low-resource clients' data). The difference is to High Res Only of the main "
    "comparison, paired by seed, with its 95 % t interval (not corrected for the number of rows). "
    "All pivots of a seed start from the same warm-up trajectory."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split and pivot of the study `pivot`.

    The difference to High Res Only is NaN where the study `main` has no such runs.

    Raises:
        MetricsError: the metrics hold no row of the study `pivot`.
    """
    final = m.final_rows(m.of_study(metrics, "pivot"))
    rows = []
    for scale, split, group in m.by_split(final):
        reference = cells.elsewhere(metrics, scale, split)
        rows += [_row(cell, reference) for _, cell in group.groupby("pivot")]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _row(cell: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    return {
        **cell.iloc[0][["dataset", "model", "split"]],
        "pivot": int(cell["pivot"].iloc[0]),
        "rounds": int(cell["rounds"].iloc[0]),
        **cells.accuracy(cell),
        **cells.difference(cell, reference),
        **cells.costs(cell),
        "estimator": cells.only(cell, "estimator"),
    }
