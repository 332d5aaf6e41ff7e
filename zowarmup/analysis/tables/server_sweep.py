"""How Adam in the zeroth-order phase depends on its two settings."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

CAPTION = (
    "Settings of the server's Adam in the zeroth-order phase: final test accuracy by beta2 and "
    "epsilon, mean and standard deviation over n seeds. The larger epsilon, the more the step is a "
    "plain one. The difference is to ZOWarmUp of the main comparison, paired by seed, with its "
    "95 % t interval (not corrected for the number of rows). What to see: whether any setting is "
    "better than plain steps."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split, beta2 and epsilon of the study `server_sweep`.

    The difference is NaN where the study `main` has no runs of ZOWarmUp.

    Raises:
        MetricsError: the metrics hold no row of the study `server_sweep`.
    """
    final = m.final_rows(m.of_study(metrics, "server_sweep"))
    rows = []
    for scale, split, group in m.by_split(final):
        reference = cells.elsewhere(metrics, scale, split, "zowarmup")
        rows += [_row(cell, reference) for _, cell in group.groupby(["beta2", "epsilon"])]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _row(cell: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    return {
        **cell.iloc[0][["dataset", "model", "split"]],
        "beta2": cells.only(cell, "beta2"),
        "epsilon": cells.only(cell, "epsilon"),
        "lr_2": cells.only(cell, "lr_2"),
        **cells.accuracy(cell),
        **cells.difference(cell, reference),
        "diverged": int(cell["diverged"].sum()),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }
