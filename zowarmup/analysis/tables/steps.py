"""One full-batch step in a round against several on mini-batches."""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells

REFERENCE = "one_step"
CAPTION = (
    "Steps of a client in a round of the second phase: final test accuracy with one step on all "
    "images (ZOWarmUp) and with several on mini-batches, mean and standard deviation over n "
    "seeds. Drift is the root mean square distance of the clients' models from their mean at the "
    "end of a round, averaged over the phase and the seeds. The difference is to one step, paired "
    "by seed, with its 95 % t interval (not corrected for the number of rows). What to see: at an "
    "equal number of forward passes more steps should drift further and reach less; they send "
    "more, too."
)


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per data set, model, split and variant of the study `steps`.

    Raises:
        MetricsError: the metrics hold no row of that study.
    """
    rows = m.of_study(metrics, "steps")
    final = m.final_rows(rows)
    result = pd.DataFrame(
        _row(group, variant, rows)
        for _, _, group in m.by_split(final)
        for variant in variants(group)
    )
    result.attrs["caption"] = CAPTION
    return result


def variants(rows: pd.DataFrame) -> list[str]:
    """One step first, then the others in the order of the study."""
    return sorted(rows["variant"].unique(), key=lambda variant: variant != REFERENCE)


def name(cell: pd.DataFrame) -> str:
    """What a client does in a round, from its settings."""
    first, count = cell.iloc[0], cells.steps(cell)
    number = 2 if first["algorithm_2"] else 1
    batch = first[f"batch_{number}"]
    steps = "1 step" if count == 1 else f"{count} steps"
    images = "all" if pd.isna(batch) or batch >= first["images"] else f"{batch:.0f}"
    kind = "FedKSeed, " if first[f"algorithm_{number}"] == "fedkseed" else ""
    return f"{kind}{steps} on {images} images"


def _row(group: pd.DataFrame, variant: str, rows: pd.DataFrame) -> dict[str, Any]:
    cell = group[group["variant"] == variant]
    reference = group[group["variant"] == ("" if variant == REFERENCE else REFERENCE)]
    return {
        **cell.iloc[0][["dataset", "model", "split", "variant"]],
        "label": name(cell),
        "lr_2": cells.only(cell, "lr_2"),
        **cells.accuracy(cell),
        **cells.difference(cell, reference),
        "drift": rows[rows["run"].isin(cell["run"]) & (rows["variant"] == variant)]["drift"].mean(),
        "forward_passes": cell["forward_passes"].mean(),
        **cells.costs(cell),
        **cells.size(cell),
        "estimator": cells.only(cell, "estimator"),
    }
