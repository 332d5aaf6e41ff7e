"""Failure signatures: runs that ended as the paper warns of, with likely cause and what to try.

A list for whoever runs the experiments, not a test: differences are of means over the seeds, and
nothing here says whether one is more than chance. That the claims do.

Reference: arXiv:2509.03503.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.analysis.tables import write as tables
from zowarmup.common import failure_signatures

CELL = [column for column in m.RUN if column != "seed"]
SPREAD = 5.0  # points; ours: that of the paper's better distribution, 5.2, is worth a look
LEAST = 3  # seeds; a spread of two says nothing
LOSSES = ["train_loss", "train_loss_high", "train_loss_low"]
COLUMNS = [
    "study", "run", "dataset", "model", "split", "signature", "number", "unit", "n",
    "likely_cause", "what_to_try",
]  # fmt: skip
BELOW = "below High Res Only"
BELOW_CAUSE = (
    "the data are severely skewed, so what the second phase learns costs more than it adds"
)
BELOW_TRY = "a smaller learning rate or more directions in phase 2, or less skew (a larger alpha)"
VARIES = "high variance over seeds"
VARIES_CAUSE = "too few directions for so many parameters, or an unstable learning rate"
VARIES_TRY = "a larger S, a smaller learning rate, and Rademacher directions"
VARIES_FIRST_ORDER = (
    "which clients and classes a seed gives to whom decides, or an unstable learning rate",
    "more seeds, or a smaller learning rate",
)
EDGE = "learning rate at the edge of its grid"
EDGE_CAUSE = "a better one may lie outside of the candidates of selection.grid"
EDGE_TRY = "candidates beyond that edge, as many for every method"
ADAM = "Adam below FedAvg"
CAPTION = (
    "Failure signatures: runs that ended as the paper warns of. Differences and spreads are in "
    "percentage points of final test accuracy over n seeds, not tested; a difference is listed if "
    "it is larger than its standard error. A loss is called flat or diverging by seed, from the "
    "pivot to the end, and the number is that of such seeds."
)

Found = dict[str, Any]


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """One row per run (all its seeds) and signature that it shows; none if nothing is amiss.

    A run that several studies share stands under the first of them.

    Args:
        metrics: as metrics.read returns it.
    """
    final = _with_start(m.final_rows(metrics), metrics)
    rows = [
        {column: cell.iloc[0][column] for column in COLUMNS if column in CELL} | found
        for _, cell in final.groupby(CELL, sort=False)
        for found in _signs(cell, final)
    ]
    result = pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(["run", "signature", "n"])
    result.attrs["caption"] = CAPTION
    return result


def _signs(cell: pd.DataFrame, final: pd.DataFrame) -> list[Found]:
    return [
        *_below(cell, final),
        *_varies(cell),
        *_losses(cell),
        *_adam(cell, final),
        *_edge(cell),
    ]


def _edge(cell: pd.DataFrame) -> Iterator[Found]:
    """All seeds have the learning rates that were chosen on the tuning seeds."""
    if (cell["lr_at_edge"] == "True").any():
        rate = cell["lr_2"].fillna(cell["lr_1"]).iloc[0]
        yield _found(EDGE, rate, "", len(cell), EDGE_CAUSE, EDGE_TRY)


def write(signatures: pd.DataFrame, paths: Sequence[str | Path]) -> None:
    """Write the signatures once per path, ending in .csv, .md or .html.

    Where there are none the csv has its header alone, and the others say so.
    """
    none = pd.DataFrame({"signature": ["none found"]})
    none.attrs = signatures.attrs
    for path in paths:
        empty = signatures.empty and Path(path).suffix != ".csv"
        tables.write(none if empty else signatures, [path])


def sentences(signatures: pd.DataFrame) -> list[str]:
    """One line per row, for a log."""
    return [
        f"{row.study}: {row.run}: {row.signature} ({_extent(row)}); likely {row.likely_cause}; "
        f"try {row.what_to_try}"
        for row in signatures.itertuples()
    ]


def _extent(row: Any) -> str:
    if row.unit == "seeds":
        return f"{row.number:g} of {row.n} seeds"
    return f"{row.number:.1f} {row.unit}, n = {row.n}"


def _with_start(final: pd.DataFrame, metrics: pd.DataFrame) -> pd.DataFrame:
    """The last rows with the losses at the pivot as train_loss_start and so on."""
    pivot = metrics.loc[metrics["round"] == metrics["pivot"], [*m.RUN, *LOSSES]]
    return final.merge(pivot, on=m.RUN, how="left", suffixes=("", "_start"))


def _below(cell: pd.DataFrame, final: pd.DataFrame) -> Iterator[Found]:
    if cell.iloc[0]["clients_2"] == "all":
        other = _other(cell, final, method="high_res_only")
        yield from _less(cell, other, BELOW, BELOW_CAUSE, BELOW_TRY)


def _adam(cell: pd.DataFrame, final: pd.DataFrame) -> Iterator[Found]:
    first = cell.iloc[0]
    if any("adam" in first[f"algorithm_{number}"] for number in (1, 2)):
        other = _other(cell, final, algorithm_1="fedavg", algorithm_2="zo", clients_2="all")
        yield from _less(cell, other, ADAM, *failure_signatures.ADAM)


def _varies(cell: pd.DataFrame) -> Iterator[Found]:
    values = 100 * m.by_seed(cell)
    if len(values) >= LEAST and values.std() > SPREAD:
        steps = (cell["directions"] > 0).any()
        why = (VARIES_CAUSE, VARIES_TRY) if steps else VARIES_FIRST_ORDER
        yield _found(VARIES, values.std(), "points", len(values), *why)


def _losses(cell: pd.DataFrame) -> Iterator[Found]:
    """The second phase alone; what is wrong with one phase is in the log of its job."""
    first = cell.iloc[0]
    if not first["algorithm_2"]:
        return
    column = failure_signatures.loss_column(first["clients_2"])
    begun = cell[cell[f"{column}_start"].notna()]
    pairs = zip(begun[f"{column}_start"], begun[column], begun["diverged"], strict=True)
    signs = [
        failure_signatures.symptom(start, end, diverged=diverged) for start, end, diverged in pairs
    ]
    for sign in (failure_signatures.FLAT_LOSS, failure_signatures.RISING_LOSS):
        if count := signs.count(sign):
            advice = failure_signatures.advice(sign, first["algorithm_2"], 2)
            yield _found(f"{sign} in phase 2", float(count), "seeds", len(signs), *advice)


def _less(
    cell: pd.DataFrame, other: pd.DataFrame, sign: str, cause: str, remedy: str
) -> Iterator[Found]:
    """The signature where the cell's mean lies below the other's, over the seeds of both.

    By more than its standard error: half of all runs that are as good lie below by a little.
    """
    differences = 100 * m.differences(m.by_seed(cell), m.by_seed(other))
    error = differences.sem() if len(differences) > 1 else 0.0
    if len(differences) and differences.mean() < -error:
        yield _found(sign, differences.mean(), "points", len(differences), cause, remedy)


def _other(cell: pd.DataFrame, final: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """The run with these columns in the same surroundings, of the same study or else of `main`.

    Empty if there is none, or several, as where the study varies something else as well.
    """
    first = cell.iloc[0]
    same = (final[cells.CONTEXT] == first[cells.CONTEXT]).all(axis=1)
    same &= (final[list(columns)] == pd.Series(columns)).all(axis=1)
    for study in (first["study"], "main"):
        rows = final[same & (final["study"] == study)]
        if len(rows) and not rows["seed"].duplicated().any():
            return rows
    return final.iloc[:0]


def _found(
    sign: str, number: float, unit: str, n: int, likely_cause: str, what_to_try: str
) -> Found:
    return {
        "signature": sign, "number": number, "unit": unit, "n": n,
        "likely_cause": likely_cause, "what_to_try": what_to_try,
    }  # fmt: skip
