"""Network architectures: which gains more from the low-resource clients."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import statistics
from zowarmup.analysis.tables import cells

CAPTION = (
    "Architectures: final test accuracy, mean and standard deviation over n seeds. The first "
    "difference is to High Res Only of the same network, the second to the first network with the "
    "same method, both paired by seed, with 95 % t intervals (not corrected for the number of "
    "rows). What to see: whether ZOWarmUp gains with every network, and which network reaches "
    "more; they differ in d, the number of parameters, and so in P/d, too."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, split, network and method of the study `architecture`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    final = m.final_rows(m.of_study(metrics, "architecture"))
    rows = [
        _row(final, final[final["method"] == method], scale, split)
        for scale, split, group in m.by_split(final)
        for method in m.methods(group)
    ]
    result = pd.DataFrame(rows)
    result.attrs["caption"] = CAPTION
    return result


def models(rows: pd.DataFrame) -> list[str]:
    """The networks in the order of the study."""
    return list(rows["model"].unique())


def _row(
    final: pd.DataFrame, of_method: pd.DataFrame, scale: tuple[str, str], split: str
) -> dict[str, Any]:
    dataset, model = scale
    here = of_method[(of_method["dataset"] == dataset) & (of_method["split"] == split)]
    cell = here[here["model"] == model]
    return {
        **cell.iloc[0][["dataset", "split", "model", "method", "label"]],
        **cells.accuracy(cell),
        **cells.difference(cell, cells.reference(cell, final)),
        **_between(cell, here[here["model"] == models(final)[0]]),
        "diverged": int(cell["diverged"].sum()),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }


def _between(cell: pd.DataFrame, first: pd.DataFrame) -> dict[str, float]:
    """The paired difference to the same method with the first network; NaN for that itself."""
    same = first.empty or cell["model"].iloc[0] == first["model"].iloc[0]
    pairs = m.differences(m.by_seed(cell), m.by_seed(first.head(0) if same else first))
    estimate = statistics.mean_interval(pairs)
    return {
        "model_difference": estimate.effect,
        "model_difference_low": estimate.low,
        "model_difference_high": estimate.high,
    }
