"""Judge every claim by comparing the interval of its effect with its threshold.

A file fixes the claims and their tests beforehand (see schema.py). A claim whose runs do not exist
is "not run"; a claim is "inconclusive" if its interval holds the threshold or does not exist.
"""

from collections.abc import Iterator
from math import isnan
from typing import Any

import pandas as pd

from zowarmup.analysis import statistics
from zowarmup.analysis.claims.sample import Sample, samples
from zowarmup.analysis.claims.schema import MEASURES, Claim, Claims

LEVEL = 0.95  # of all intervals together
VERDICTS = ("supported", "contradicted", "inconclusive", "not run")
RATIOS = ("spread", "count")
STATISTICS = {
    "mean": "difference of means, paired t interval",
    "spread": "ratio of standard deviations, Pitman-Morgan interval",
    "minimum": "difference of the expected worst of {of} seeds, jackknife t interval",
    "count": "ratio of counts, smallest and largest over the seeds",
}
NAMED = 3  # a note names this number of diverged runs and counts the others
Case = tuple[str, Claim, Sample]  # name of the claim, claim, the numbers that it compares


def judge(metrics: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return a row per claim (in the file's order) and per scale, a data set and network with runs.

    Effects, intervals and thresholds are in the row's `unit`; `points` are percentage points. The
    level of each interval is `level`, so that the intervals of all `n_claims` claims with runs hold
    together with 95 % (Bonferroni; counts are exact and left out). `p_value` is two-sided, tests
    the threshold and is not corrected. Diverged runs count with their last number and are named.

    Raises:
        ConfigError: a claim's columns choose two runs of one seed where they should choose one.
    """
    cases: list[Case] = [
        (name, claim, sample)
        for name, claim in claims.claims.items()
        for sample in samples(metrics, claim, f"{claims.file}: {name}")
    ]
    tested = sum(len(s.first) > 0 and claim.statistic != "count" for _, claim, s in cases)
    # Wider intervals, rather than corrected p values, keep a verdict and its interval in step.
    level = 1 - (1 - LEVEL) / max(1, tested)
    rows = [
        _row(*case, level, tested, twin) for case, twin in zip(cases, _twins(cases), strict=True)
    ]
    return pd.DataFrame(rows).assign(claims_sha256=claims.sha256)


def _row(
    name: str, claim: Claim, sample: Sample, level: float, tested: int, twin: str
) -> dict[str, Any]:
    """Return one row of claims.csv, with its columns in order."""
    estimate, rows = _estimate(claim, sample, level), sample.rows
    paper_effect, paper = _paper(claim)
    period = "at the end" if claim.period == "end" else "over phase 2"
    verdict = "inconclusive" if estimate.n else "not run"
    if estimate.low > claim.threshold or estimate.high < claim.threshold:
        verdict = "supported" if estimate.low > claim.threshold else "contradicted"
    return {
        "claim": name,
        "verdict": verdict,
        "effect": estimate.effect,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        # Directions of a round / parameters; runs without zeroth-order steps have no directions.
        "p_over_d": float((rows["directions"] / rows["d"]).max()),
        "paper": paper,
        "about": claim.about,
        "text": claim.text,
        "scale": sample.scale,
        "measure": f"{MEASURES[claim.measure].words} {period}",
        "statistic": STATISTICS[claim.statistic].format(of=claim.of),
        "threshold": claim.threshold,
        "unit": "ratio" if claim.statistic in RATIOS else MEASURES[claim.measure].unit,
        "p_value": estimate.p,
        "level": level,
        "n_claims": tested,
        "paper_effect": paper_effect,
        "note": "; ".join(filter(None, [*sample.notes, *_notes(claim, estimate, rows), twin])),
    }


def _twins(cases: list[Case]) -> Iterator[str]:
    """Yield a note for each case that compares the same numbers as an earlier case, else "".

    Two variants can be the same run, for example if a selection picks the learning rate that the
    other variant was given. Their verdicts are then one piece of evidence, not two.
    """
    seen: dict[tuple[object, ...], str] = {}
    for name, claim, sample in cases:
        sides = [tuple(side.items()) for side in (sample.first, sample.second)]
        test = (claim.statistic, claim.of, claim.measure, claim.period, claim.threshold)
        first = seen.setdefault((*test, sample.scale, *sides), name) if len(sample.first) else name
        yield "" if first == name else f"the same numbers as {first}, no further evidence"


def _estimate(claim: Claim, sample: Sample, level: float) -> statistics.Estimate:
    """Return the claim's statistic, computed from both sides of the sample."""
    x, y, null = sample.first, sample.second, claim.threshold
    if claim.statistic == "count":
        return statistics.count_ratio(x, y)
    if claim.statistic == "spread":
        return statistics.spread_ratio(x, y, level, null)
    if claim.statistic == "minimum":
        return statistics.minimum_difference(x, y, claim.of or 1, level, null)
    return statistics.mean_interval(x - y, level, null)


def _paper(claim: Claim) -> tuple[float | None, str]:
    """Return the effect in the paper as number and text; None and "" if the paper has no number."""
    first, second, where = claim.paper.first, claim.paper.second, claim.paper.where
    if first is None or second is None:
        return None, ""
    ratio = claim.statistic in RATIOS
    # In floating point 54.3 - 44.3 is not 10.
    effect = first / second if ratio else round(first - second, 9)
    words = f"ratio {effect:.2f}" if ratio else f"{effect:+.1f} points"
    return effect, f"{words} ({first:g} against {second:g}{where and f'; {where}'})"


def _notes(claim: Claim, estimate: statistics.Estimate, rows: pd.DataFrame) -> Iterator[str]:
    """Yield remarks on the runs, and the reason if there is no interval."""
    # A low-resource client cannot compute these derivatives; the simulator does, to save time.
    if (rows["estimator"] == "directional").any():
        yield "directional derivatives"
    needed = {"mean": 2, "spread": 3, "minimum": (claim.of or 0) + 1, "count": 0}[claim.statistic]
    if estimate.n and isnan(estimate.low):
        if not needed:
            yield "no ratio: the second side counts nothing"
        elif estimate.n < needed:
            yield f"no interval: {estimate.n} common seeds, needs {needed}"
        else:
            yield "no interval: the values do not vary between seeds"
    diverged = rows[rows["diverged"]].itertuples()
    runs = [f"{row.run} seed {row.seed} in round {row.round}" for row in diverged]
    if len(runs) > NAMED:
        runs[NAMED:] = [f"{len(runs) - NAMED} more"]
    if runs:
        yield f"diverged: {', '.join(runs)}, counted as it is"
