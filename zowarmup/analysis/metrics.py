"""The one file that all analysis reads: metrics.csv, checked, and the ways to cut it.

One row per study x run x seed x evaluated round; accuracies and recalls are fractions in 0..1,
bytes and passes are cumulative. The final value of a run is its last row: no best round is picked.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

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
SCALE = ["dataset", "model"]
RUN = ["study", *SCALE, "split", "run", "variant", "seed"]
METHODS = (
    "high_res_only", "zowarmup", "zowarmup_local", "zowarmup_adam", "zowarmup_high_only",
    "heterofl", "fedkseed_warm", "fedkseed", "zo_init", "fedavg_all",
)  # fmt: skip
RANGES = {"test_accuracy": (0, 1, " (a fraction)"), "gradient_cosine": (-1, 1, "")}
MEND = "delete the file and let the workflow write it again"


class MetricsError(UserError):
    """Rows that cannot be used; the message names the file or the study, the fault and the mend."""


def read(path: str | Path) -> pd.DataFrame:
    """The rows of metrics.csv; empty texts are "", empty numbers NaN.

    Raises:
        MetricsError: the file is empty, cut short, lacks a column, holds a value that cannot be, a
            row twice, or a run that ends before its planned round without being marked diverged.
    """
    _check_shape(Path(path))
    metrics = csv_file.read(path, TEXT)
    _check_columns(metrics, path)
    metrics["diverged"] = metrics["diverged"].astype(str) == "True"
    _check_values(metrics, path)
    return metrics


def _check_shape(path: Path) -> None:
    """A file cut in mid-line would otherwise be read with the missing fields as NaN."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        width = len(next(lines, []))
        number = 1
        for number, line in enumerate(lines, start=2):
            if len(line) != width:
                raise MetricsError(
                    f"{path}: line {number} has {len(line)} fields, the header has {width}; "
                    f"the file is cut short or damaged: {MEND}"
                )
    if number < 2:
        raise MetricsError(f"{path}: the file is empty (no row of results): {MEND}")
    if not path.read_bytes().endswith(b"\n"):
        raise MetricsError(f"{path}: the last line has no end, the file is cut short: {MEND}")


def _check_columns(metrics: pd.DataFrame, path: str | Path) -> None:
    missing = [c for c in (*TEXT, *NUMBERS, "diverged") if c not in metrics.columns]
    if missing:
        raise MetricsError(f"{path}: column {missing[0]!r} is missing: {MEND}")
    for column in NUMBERS:
        if not pd.api.types.is_numeric_dtype(metrics[column]):
            bad = metrics[column][pd.to_numeric(metrics[column], errors="coerce").isna()]
            value = bad.dropna().iloc[0]
            raise MetricsError(f"{path}: column {column!r} holds {value!r}, not a number: {MEND}")


def _check_values(metrics: pd.DataFrame, path: str | Path) -> None:
    for column, (low, high, meaning) in RANGES.items():
        values = metrics[column].dropna()
        if not values.between(low, high).all():
            where = f"{low}..{high}{meaning}"
            raise MetricsError(f"{path}: column {column!r} must lie in {where}: {MEND}")
    if metrics.duplicated([*RUN, "round"]).any():
        row = metrics[metrics.duplicated([*RUN, "round"])].iloc[0]
        raise MetricsError(
            f"{path}: column 'round': run {row['run']!r} seed {row['seed']} has round "
            f"{row['round']} twice: {MEND}"
        )
    last = last_rows(metrics)
    short = last[(last["round"] < last["rounds"]) & ~last["diverged"]]
    if len(short):
        row = short.iloc[0]
        raise MetricsError(
            f"{path}: column 'round': run {row['run']!r} seed {row['seed']} ends at round "
            f"{row['round']} of {row['rounds']} and is not marked diverged: {MEND}"
        )


def last_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """The row of the latest round of every run and seed."""
    return metrics.loc[metrics.groupby(RUN, sort=False)["round"].idxmax()]


def final_rows(metrics: pd.DataFrame) -> pd.DataFrame:
    """The last rows, with an accuracy for every run.

    A diverged run counts with what it ended at. Where its accuracy could not be computed it gets
    chance, one over the number of classes: a network of NaNs names the same class for all images.
    """
    last = last_rows(metrics)
    return last.assign(test_accuracy=last["test_accuracy"].fillna(1 / last["classes"]))


def of_study(metrics: pd.DataFrame, *studies: str) -> pd.DataFrame:
    """The rows of one study, or of several of which one is enough.

    Raises:
        MetricsError: there are none.
    """
    rows = metrics[metrics["study"].isin(studies)]
    if rows.empty:
        known = ", ".join(sorted(metrics["study"].unique())) or "none"
        wanted = " or ".join(map(repr, studies))
        raise MetricsError(f"the metrics hold no rows of study {wanted} (they hold: {known})")
    return rows


def by_seed(rows: pd.DataFrame, column: str = "test_accuracy") -> pd.Series:
    """One number per seed, in the order of the seeds.

    Raises:
        MetricsError: two rows have the same seed, so the rows are not one cell of a study.
    """
    twice = rows[rows["seed"].duplicated(keep=False)]
    if len(twice):
        names = ", ".join(sorted(twice["run"].unique()))
        seed = twice["seed"].iloc[0]
        raise MetricsError(f"seed {seed} occurs more than once, in the runs {names}")
    return rows.set_index("seed")[column].sort_index().astype(float)


def differences(first: pd.Series, second: pd.Series) -> pd.Series:
    """First minus second for the seeds that both have (and where both are numbers)."""
    return (first - second).dropna()


def high_share(split: str) -> float:
    """The fraction of high-resource clients: 0.1 of the split "10/90"."""
    return float(split.split("/")[0]) / 100


def splits(rows: pd.DataFrame) -> list[str]:
    """The splits that occur, the fewest high-resource clients first, one without shares last."""
    present = rows["split"].unique()
    shares = sorted((split for split in present if "/" in split), key=high_share)
    return shares + sorted(split for split in present if "/" not in split)


def by_split(rows: pd.DataFrame) -> Iterator[tuple[tuple[str, str], str, pd.DataFrame]]:
    """(scale, split, its rows) for every split at every scale."""
    for scale in scales(rows):
        here = at_scale(rows, scale)
        for split in splits(here):
            yield scale, split, here[here["split"] == split]


def methods(rows: pd.DataFrame) -> list[str]:
    """The methods that occur: those of the paper's comparison first, then others as they come."""
    return known_first(rows["method"], METHODS)


def known_first(values: pd.Series, known: Iterable[str]) -> list[str]:
    """The values that occur: the known ones in their order, then others as they come."""
    present = list(values.unique())
    first = [value for value in known if value in present]
    return first + [value for value in present if value not in first]


def scales(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """The (dataset, model) pairs that occur."""
    return sorted(set(zip(rows["dataset"], rows["model"], strict=True)))


def at_scale(rows: pd.DataFrame, scale: tuple[str, str]) -> pd.DataFrame:
    """The rows of one (dataset, model)."""
    return rows[(rows["dataset"] == scale[0]) & (rows["model"] == scale[1])]
