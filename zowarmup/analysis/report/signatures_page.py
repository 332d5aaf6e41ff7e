"""Failure signatures of all runs, each with its likely cause and what to try.

Differences are those of means over the seeds and have no intervals; the claims have intervals.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis.tables import cells
from zowarmup.common import failure_signatures

CELL = [column for column in m.RUN if column != "seed"]
SPREAD = 5.0  # points, our choice; the paper's better distribution has a spread of 5.2
LEAST = 3  # seeds; the spread of two says nothing
LOSSES = ["train_loss", "train_loss_high", "train_loss_low"]
BELOW, VARIES = "below High Res Only", "high variance over seeds"
EDGE, ADAM = "learning rate at the edge of its grid", "Adam below FedAvg"
# (likely cause, what to try)
BELOW_ADVICE = (
    "the data are severely skewed, so what the second phase learns costs more than it adds",
    "a smaller learning rate or more directions in phase 2, or less skew (a larger alpha)",
)
VARIES_ZEROTH_ORDER = (
    "too few directions for the number of parameters, or an unstable learning rate",
    "a larger S, a smaller learning rate, and Rademacher directions",
)
VARIES_FIRST_ORDER = (
    "the seed's choice of high-resource clients decides, or an unstable learning rate",
    "more seeds, or a smaller learning rate",
)
EDGE_ADVICE = (
    "a better one may lie outside of the candidates of selection.grid",
    "candidates beyond that edge, as many for every method",
)
CAPTION = (
    "Failure signatures: runs that ended as the paper warns of. Differences and spreads are in "
    "percentage points of final test accuracy over n seeds, not tested; a difference is listed if "
    "it is larger than its standard error. A loss is called flat or diverging by seed, from the "
    "pivot to the end, and the number is that of such seeds. An empty table: no run shows any."
)


class Signature(NamedTuple):
    """A failure signature of a run; `number` is its size in `unit`, over n seeds."""

    signature: str
    number: float
    unit: str
    n: int
    likely_cause: str
    what_to_try: str


COLUMNS = ["study", "run", "dataset", "model", "split", *Signature._fields]


def table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each failure signature that a run (with all its seeds) shows.

    A run that several studies share is listed under the first of these studies.
    """
    pivot = metrics.loc[metrics["round"] == metrics["pivot"], [*m.RUN, *LOSSES]]
    final = m.final_rows(metrics).merge(pivot, on=m.RUN, how="left", suffixes=("", "_start"))
    rows = [
        cell.iloc[0][CELL].to_dict() | signature._asdict()
        for _, cell in final.groupby(CELL, sort=False)
        for signature in _signatures(cell, final)
    ]
    result = pd.DataFrame(rows, columns=COLUMNS).drop_duplicates(["run", "signature", "n"])
    result.attrs["caption"] = CAPTION
    return result


def _signatures(cell: pd.DataFrame, final: pd.DataFrame) -> Iterator[Signature]:
    """Yield the signatures of a run; `cell` has its last rows, `final` those of all runs."""
    first, values = cell.iloc[0], 100 * m.by_seed(cell)
    if first["clients_2"] == "all":
        yield from _below(BELOW, BELOW_ADVICE, cell, final, method="high_res_only")
    if len(values) >= LEAST and values.std() > SPREAD:
        zeroth_order = (cell["directions"] > 0).any()
        advice = VARIES_ZEROTH_ORDER if zeroth_order else VARIES_FIRST_ORDER
        yield Signature(VARIES, values.std(), "points", len(values), *advice)
    yield from _losses(cell)
    if "adam" in first["algorithm_1"] + first["algorithm_2"]:
        plain = {"algorithm_1": "fedavg", "algorithm_2": "zo", "clients_2": "all"}
        yield from _below(ADAM, failure_signatures.ADAM, cell, final, **plain)
    # All seeds have the learning rates that were selected on the tuning seeds.
    if (cell["lr_at_edge"] == "True").any():
        rate = first["lr_1"] if pd.isna(first["lr_2"]) else first["lr_2"]
        yield Signature(EDGE, rate, "", len(cell), *EDGE_ADVICE)


def _losses(cell: pd.DataFrame) -> Iterator[Signature]:
    """Yield flat and diverging losses of phase 2; a job's log has those of all its phases."""
    algorithm, clients = cell.iloc[0][["algorithm_2", "clients_2"]]
    if not algorithm:
        return
    column = failure_signatures.loss_column(clients)
    columns = [f"{column}_start", column, "diverged"]
    seeds = cell[columns].dropna(subset=columns[0]).itertuples(index=False, name=None)
    signs = [failure_signatures.of_losses(a, b, diverged=diverged) for a, b, diverged in seeds]
    for name in (failure_signatures.FLAT_LOSS, failure_signatures.RISING_LOSS):
        if count := signs.count(name):
            advice = failure_signatures.advice(name, algorithm, 2)
            yield Signature(f"{name} in phase 2", float(count), "seeds", len(signs), *advice)


def _below(
    name: str, advice: tuple[str, str], cell: pd.DataFrame, final: pd.DataFrame, **columns: str
) -> Iterator[Signature]:
    """Yield a signature if the cell's mean lies below the reference's mean, over common seeds.

    It must be lower by more than the standard error: half of all equally good runs are lower.
    """
    reference = _reference(cell.iloc[0], final, **columns)
    differences = 100 * m.differences(m.by_seed(cell), m.by_seed(reference))
    error = differences.sem() if len(differences) > 1 else 0.0
    if len(differences) and differences.mean() < -error:
        yield Signature(name, differences.mean(), "points", len(differences), *advice)


def _reference(first: pd.Series, final: pd.DataFrame, **columns: str) -> pd.DataFrame:
    """Return the one run with these columns and the same CONTEXT, of the same study or else `main`.

    Return no rows if no run matches, or if several do, as when the study varies another setting.
    """
    same = pd.Series(columns | first[cells.CONTEXT].to_dict())
    equal = (final[same.index] == same) | (final[same.index].isna() & same.isna())
    rows = final[equal.all(axis=1)]
    for study in (first["study"], "main"):
        of_study = rows[rows["study"] == study]
        if len(of_study) and not of_study["seed"].duplicated().any():
            return of_study
    return final.iloc[:0]
