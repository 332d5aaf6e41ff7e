"""What it costs in accuracy if only a part of the clients takes part in a round."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

PARTS = ["participation_1", "participation_2"]
CAPTION = (
    "Participation: final test accuracy of ZOWarmUp when a part of a phase's clients takes part in "
    "each round, mean and standard deviation over n seeds. A client that comes back catches up "
    "from the records of the rounds it missed. The difference is to full participation in both "
    "phases, paired by seed, with its 95 % t interval (not corrected for the number of rows). "
    "What to see: fewer clients are fewer directions P in a zeroth-order round, so its step is "
    "noisier; the bytes that a low-resource client receives hardly depend on how often it is there."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split, method and parts of the study `participation`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.final_rows(m.of_study(metrics, "participation"))
    rows = []
    for _, _, group in m.by_split(final):
        for method in m.methods(group):
            here = group[group["method"] == method]
            full = here[(here[PARTS] == 1).all(axis=1)]
            rows += [_row(cell, full) for _, cell in here.groupby(PARTS)][::-1]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def _row(cell: pd.DataFrame, full: pd.DataFrame) -> dict[str, Any]:
    first = cell.iloc[0]
    return {
        **first[["dataset", "model", "split", "method", "label", *PARTS]],
        **cells.accuracy(cell),
        **cells.difference(cell, full.head(0) if (first[PARTS] == 1).all() else full),
        **cells.costs(cell),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }
