"""Remarks on the runs behind a verdict."""

from collections.abc import Iterator
from math import isnan

import pandas as pd

from zowarmup.analysis.claims import words
from zowarmup.analysis.claims.schema import TESTED, Claim
from zowarmup.analysis.statistics import Estimate

NAMED = 3  # a note names this number of diverged runs and counts the others


def notes(claim: Claim, whole: Estimate, rows: pd.DataFrame, without: Estimate) -> Iterator[str]:
    """Yield remarks on the runs, and the reason if there is no test.

    Args:
        whole: the effect over all seeds.
        without: that without the seeds of diverged runs.
    """
    # A low-resource client cannot compute these derivatives; the simulator does, to save time.
    if (rows["estimator"] == "directional").any():
        yield "directional derivatives"
    if claim.kind in TESTED and 0 < whole.n < claim.seeds:
        yield f"too few seeds: {whole.n} of {claim.seeds}"
    elif whole.n and isnan(whole.low):
        yield _no_interval(claim, whole.n)
    diverged = rows[rows["diverged"]].itertuples()
    runs = [f"{row.run} seed {row.seed} in round {row.round}" for row in diverged]
    if runs:
        more = [f"{len(runs) - NAMED} more"] * (len(runs) > NAMED)
        yield f"{len(runs)} of {len(rows)} runs diverged: {', '.join(runs[:NAMED] + more)}"
        effect = words.plain_effect(without.effect, claim.unit)
        yield f"without their seeds {effect}, n = {without.n}"


def _no_interval(claim: Claim, n: int) -> str:
    """Return why there is no interval."""
    needed = {"mean": 2, "spread": 3, "minimum": (claim.of or 0) + 1, "count": 0}[claim.statistic]
    if not needed:
        return "no ratio: the second side counts nothing"
    if n < needed:
        return f"no interval: {n} common seeds, needs {needed}"
    return "no interval: the values do not vary between seeds"
