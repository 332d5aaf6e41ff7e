"""Read and check metrics.csv, the one file that all analysis reads, and select rows of it.

One row per study x run x seed x evaluated round; accuracies and recalls are fractions in 0..1,
bytes and passes are cumulative. The final value of a run is its last row: no best round is picked.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from zowarmup.analysis import csv_file
from zowarmup.common.errors import UserError

TEXT = (
    "study", "run", "method", "label", "dataset", "model", "split",
    "distribution", "scaling", "estimator", "engine", "variant", "algorithm_1", "algorithm_2",
    "clients_1", "clients_2", "shared_directions", "sampling",
    "lr_at_edge",
)  # fmt: skip
NUMBERS = (
    "alpha", "clients", "seed", "phase", "round", "rounds", "test_accuracy", "test_loss",
    "train_loss", "train_loss_high", "train_loss_low", "heldout_loss", "missing_classes",
    "missing_recall", "bytes_up", "bytes_down", "forward_passes", "backward_passes", "pivot",
    "S", "tau", "eps", "lr_1", "lr_2", "d", "d_low", "directions", "width", "high_clients",
    "images", "participation_1", "participation_2", "batch_1", "batch_2", "epochs_1", "epochs_2",
    "beta2", "epsilon", "candidates", "bytes_up_low", "bytes_down_low", "drift", "gradient_cosine",
    "dissimilarity", "classes",
)  # fmt: skip
RULE = "pivot_rule"  # the rule that decided the pivot; "" for a given one
PROBED = "probed"  # the round up to which a run counts the probes of its warm-up; NaN for none
SCALE = ["dataset", "model"]
RUN = ["study", *SCALE, "split", "run", "variant", "seed"]
METHODS = (
    "high_res_only", "zowarmup", "zowarmup_plus", "zowarmup_local", "zowarmup_adam",
    "zowarmup_high_only", "heterofl", "fedkseed_warm", "fedkseed", "zo_init", "fedavg_all",
)  # fmt: skip
FIX = "delete the file, and the workflow recreates it"


class MetricsError(UserError):
    """Rows that cannot be used; the message names the file or the study, the fault and the fix."""


def read(path: str | Path) -> pd.DataFrame:
    """Return the rows of metrics.csv; an empty text is "", an empty number NaN.

    Raises:
        UserError: the file is empty or cut short.
        MetricsError: the file lacks a column, holds an impossible value, or holds a round twice.
    """
    metrics = csv_file.read(path, (*TEXT, RULE))
    if RULE not in metrics:  # no run decides anything by probes
        metrics = metrics.assign(**{RULE: "", PROBED: float("nan")})
    for column in (*TEXT, *NUMBERS, "diverged"):
        if column not in metrics:
            raise MetricsError(f"{path}: column {column!r} is missing; {FIX}")
        if column in NUMBERS and metrics[column].dtype.kind not in "if":
            raise MetricsError(f"{path}: column {column!r} must hold numbers; {FIX}")
    for column, low in (("test_accuracy", 0), ("gradient_cosine", -1)):
        if not metrics[column].dropna().between(low, 1).all():
            raise MetricsError(f"{path}: column {column!r} must lie in {low}..1; {FIX}")
    if (twice := metrics.duplicated([*RUN, "round"])).any():
        run, seed, number = metrics[twice].iloc[0][["run", "seed", "round"]]
        raise MetricsError(f"{path}: run {run!r} seed {seed} has round {number} twice; {FIX}")
    return metrics.assign(diverged=metrics["diverged"].astype(str) == "True")


def last_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the row of the last round of each run and seed."""
    return metrics.loc[metrics.groupby(RUN, sort=False)["round"].idxmax()]


def final_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the last rows; an accuracy that could not be computed becomes chance, 1 / classes.

    A diverged run counts with its last row. A network of NaNs is at chance: it names one class.
    """
    last = last_rows(metrics)
    return last.assign(test_accuracy=last["test_accuracy"].fillna(1 / last["classes"]))


def means_over_phase_2(rows: pd.DataFrame, column: str) -> dict[tuple[str, ...], float]:
    """Return run -> mean of a column over the rounds of phase 2.

    A row stands for the rounds since the row before it. The last row of a diverged run stands for
    the rest of the phase too.
    """
    rows = rows[rows["phase"] == 2].sort_values("round")
    before = rows.groupby(RUN)["round"].shift().fillna(rows["pivot"])
    until = rows["round"].where(rows.duplicated(RUN, keep="last"), rows["rounds"])
    weighted = rows.assign(weight=until - before).groupby(RUN)
    return {run: np.average(one[column], weights=one["weight"]) for run, one in weighted}


def of_study(metrics: pd.DataFrame, *studies: str) -> pd.DataFrame:
    """Return the rows of these studies; raise a MetricsError if there are none."""
    rows = metrics[metrics["study"].isin(studies)]
    if rows.empty:
        present = ", ".join(sorted(metrics["study"].unique())) or "none"
        wanted = " or ".join(map(repr, studies))
        raise MetricsError(f"the metrics hold no rows of study {wanted} (they hold: {present})")
    return rows


def by_seed(rows: pd.DataFrame, column: str = "test_accuracy") -> pd.Series:
    """Return one number per seed, sorted by seed; a MetricsError if two rows have the same seed."""
    twice = rows[rows["seed"].duplicated(keep=False)]
    if len(twice):
        seed, names = twice["seed"].iloc[0], ", ".join(sorted(twice["run"].unique()))
        raise MetricsError(
            f"seed {seed} occurs more than once, in the runs {names}, which differ in a "
            "setting that this table or figure does not show; move it to a study of another name, "
            "which the table and figure `studies` show"
        )
    return rows.set_index("seed")[column].sort_index().astype(float)


def differences(first: pd.Series, second: pd.Series) -> pd.Series:
    """Return first minus second for the seeds at which both have a number."""
    return (first - second).dropna()


def high_share(split: str) -> float:
    """Return the fraction of high-resource clients in a split: 0.1 for "10/90"."""
    return float(split.split("/")[0]) / 100


def splits(rows: pd.DataFrame) -> list[str]:
    """Return the splits by their share of high-resource clients; splits without one come last."""
    shares = {split: high_share(split) if "/" in split else 1 for split in rows["split"].unique()}
    return sorted(shares, key=lambda split: (shares[split], split))


def by_split(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], str, pd.DataFrame]]:
    """Yield (scale, split, rows of the split) for every split at every scale."""
    for scale in scales(rows):
        of_scale = at_scale(rows, scale)
        for split in splits(of_scale):
            yield scale, split, of_scale[of_scale["split"] == split]


def methods(rows: pd.DataFrame) -> list[str]:
    """Return the methods that occur: those in METHODS, in that order, then the others."""
    return known_first(rows["method"], METHODS)


def known_first(values: pd.Series, order: Iterable[str]) -> list[str]:
    """Return the values that occur: those in `order`, in that order, then the others."""
    present = list(values.unique())
    return list(dict.fromkeys([value for value in order if value in present] + present))


def scales(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (dataset, model) pairs that occur."""
    return sorted(set(zip(rows["dataset"], rows["model"], strict=True)))


def at_scale(rows: pd.DataFrame, scale: tuple[str, str]) -> pd.DataFrame:
    """Return the rows of one (dataset, model)."""
    return rows[(rows["dataset"] == scale[0]) & (rows["model"] == scale[1])]
