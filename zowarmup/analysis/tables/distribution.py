"""The distribution ablation: Rademacher against Gaussian directions, in three ways."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells

REFERENCE = "rademacher"
WAYS = {
    "rademacher": "Rademacher",
    "gaussian_tau1_same_lr": "(a) Gaussian, unscaled",
    "gaussian_tau075_same_lr": "(b) Gaussian, same scale",
    "gaussian_own_lr": "(c) Gaussian, own learning rate",
}
CAPTION = (
    "Distribution ablation: final test accuracy of ZOWarmUp with Rademacher and with Gaussian "
    "directions over n seeds. Since tau rescales the step by tau squared, Gaussian directions are "
    "tried three ways: (a) tau 1 at Rademacher's learning rate, (b) the same tau and the same "
    "learning rate, (c) the same tau at their own selected learning rate. What to see: whether "
    "Rademacher varies less in all three ways or only in (a), where the steps are larger too. "
    "Std ratio is the Gaussian spread over the Rademacher spread with the 95 % interval of the "
    "Pitman-Morgan test for paired samples, and p that test's; the difference is to Rademacher, "
    "paired by seed, with its 95 % t interval. Neither is corrected for the number of rows."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split and variant of the study `distribution`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.final_rows(m.of_study(metrics, "distribution"))
    rows = []
    for _, _, group in m.by_split(final):
        rows += [_row(group, variant) for variant in variants(group)]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def variants(rows: pd.DataFrame) -> list[str]:
    """The variants that occur: Rademacher and the three ways first, then others as they come."""
    return m.known_first(rows["variant"], WAYS)


def _row(group: pd.DataFrame, variant: str) -> dict[str, Any]:
    cell = group[group["variant"] == variant]
    reference = group[group["variant"] == ("" if variant == REFERENCE else REFERENCE)]
    return {
        **cell.iloc[0][["dataset", "model", "split", "variant"]],
        "label": WAYS.get(variant, variant),
        "tau": cells.only(cell, "tau"),
        "lr_2": cells.only(cell, "lr_2"),
        **cells.accuracy(cell),
        "accuracy_min": cell["test_accuracy"].min(),
        **cells.difference(cell, reference),
        **_spread(cell, reference),
        "diverged": int(cell["diverged"].sum()),
        "estimator": cells.only(cell, "estimator"),
    }


def _spread(cell: pd.DataFrame, reference: pd.DataFrame) -> dict[str, Any]:
    pairs = pd.concat([m.by_seed(cell), m.by_seed(reference)], axis=1, join="inner").to_numpy()
    estimate = statistics.spread_ratio(pairs[:, 0], pairs[:, 1])
    return {
        "std_ratio": estimate.effect,
        "std_ratio_low": estimate.low,
        "std_ratio_high": estimate.high,
        "pitman_morgan_p": estimate.p,
    }
