"""Server optimizers: plain averages and steps against Adam, in one phase or both."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

REFERENCE = "sgd"
VARIANTS = {
    "sgd": "FedAvg, then plain steps",
    "adam_phase1": "Adam in phase 1",
    "adam_phase2": "Adam in phase 2",
    "adam_both": "Adam in both",
    "reddi_phase1": "Adam (Reddi et al.) in phase 1",
    "reddi_phase2": "Adam (Reddi et al.) in phase 2",
    "reddi_both": "Adam (Reddi et al.) in both",
}
CAPTION = (
    "Server optimizers: final test accuracy of ZOWarmUp with Adam at the server in phase 1, in "
    "phase 2 or in both, mean and standard deviation over n seeds; each with learning rates "
    "selected for it. Adam corrects its moments for their bias, that of Reddi et al. does not and "
    "has a larger epsilon. The difference is to plain averages and steps, paired by seed, with its "
    "95 % t interval (not corrected for the number of rows). What to see: whether Adam is worse, "
    "and in which phase; P/d says how noisy a zeroth-order step is, which Adam's second moment has "
    "to estimate."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split and variant of the study `server`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.final_rows(m.of_study(metrics, "server"))
    rows = []
    for _, _, group in m.by_split(final):
        rows += [_row(group, variant) for variant in variants(group)]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def variants(rows: pd.DataFrame) -> list[str]:
    """The variants that occur: the known ones in their order, then others as they come."""
    return m.known_first(rows["variant"], VARIANTS)


def _row(group: pd.DataFrame, variant: str) -> dict[str, Any]:
    cell = group[group["variant"] == variant]
    reference = group[group["variant"] == ("" if variant == REFERENCE else REFERENCE)]
    return {
        **cell.iloc[0][["dataset", "model", "split", "variant"]],
        "label": VARIANTS.get(variant, variant),
        "lr_1": cells.only(cell, "lr_1"),
        "lr_2": cells.only(cell, "lr_2"),
        "beta2": cells.only(cell, "beta2"),
        "epsilon": cells.only(cell, "epsilon"),
        **cells.accuracy(cell),
        **cells.difference(cell, reference),
        "diverged": int(cell["diverged"].sum()),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }
