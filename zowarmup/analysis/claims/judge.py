"""A verdict on every claim: the interval of its effect against its threshold.

The claims and the way each is tested are fixed in a file beforehand (see claims_file); nothing here
chooses. A claim whose runs are not there is "not run", one whose interval holds the threshold, or
that has no interval, is "inconclusive".
"""

from math import isnan
from typing import Any

import pandas as pd

from zowarmup.analysis import statistics
from zowarmup.analysis.claims.measure import MEASURES
from zowarmup.analysis.claims.sample import Sample, samples
from zowarmup.analysis.claims.schema import Claim, Claims, Paper, read

__all__ = ["LEVEL", "VERDICTS", "Claims", "judge", "read"]

LEVEL = 0.95  # of all intervals together
VERDICTS = ("supported", "contradicted", "inconclusive", "not run")
RATIOS = ("spread", "count")
STATISTICS = {
    "mean": "difference of means, paired t interval",
    "spread": "ratio of standard deviations, Pitman-Morgan interval",
    "minimum": "difference of the expected worst of {of} seeds, jackknife t interval",
    "count": "ratio of counts, smallest and largest over the seeds",
}
NAMED = 3  # so many diverged runs are named, the others counted
Case = tuple[str, Claim, Sample]  # claim id, claim, what it compares
COLUMNS = [
    "claim", "verdict", "effect", "low", "high", "n", "p_over_d", "paper", "about", "text", "scale",
    "measure", "statistic", "threshold", "unit", "p_value", "level", "n_claims", "paper_effect",
    "note", "claims_sha256",
]  # fmt: skip


def judge(metrics: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """One row per claim and scale (data set and network) with runs of its studies, as in the file.

    Effects, intervals and thresholds are in the row's `unit`; `points` are percentage points. The
    intervals have `level`, so that those of all `n_claims` claims whose runs are there hold
    together with 95 % (Bonferroni; counts have no interval that could fail); `p_value` is two-sided
    against the threshold and not corrected. A diverged run counts with what it ended at and is
    named in the note.

    Args:
        metrics: as metrics.read returns it.

    Raises:
        ConfigError: a claim's columns choose two runs of one seed where they should choose one.
    """
    cases: list[Case] = [
        (name, claim, sample)
        for name, claim in claims.claims.items()
        for sample in samples(metrics, claim, f"{claims.file}: {name}")
    ]
    tested = sum(len(s.first) > 0 and claim.statistic != "count" for _, claim, s in cases)
    level = statistics.bonferroni(LEVEL, max(1, tested))
    common = {"level": level, "n_claims": tested, "claims_sha256": claims.sha256}
    rows = [_row(name, claim, sample, level) | common for name, claim, sample in cases]
    for row, twin in zip(rows, _twins(cases), strict=True):
        row["note"] = "; ".join(filter(None, [row["note"], twin]))
    return pd.DataFrame(rows)[COLUMNS]


def _twins(cases: list[Case]) -> list[str]:
    """For each case, the earlier one that rests on the very same numbers, if any.

    Two variants can come out as one run, e.g. where a selection picks the learning rate that the
    other variant was given; their verdicts are then one piece of evidence, not two.
    """
    seen: dict[tuple[object, ...], str] = {}
    twins = []
    for name, claim, sample in cases:
        numbers = (*sample.first.items(), None, *sample.second.items())
        how = (claim.statistic, claim.of, claim.measure, claim.period, claim.threshold)
        first = seen.setdefault((how, sample.scale, numbers), name)
        twin = first != name and not sample.first.empty
        twins.append(f"the same numbers as {first}, no further evidence" if twin else "")
    return twins


def _row(name: str, claim: Claim, sample: Sample, level: float) -> dict[str, Any]:
    estimate = estimate_of(claim, sample, level)
    rows = sample.rows
    return {
        "claim": name,
        "verdict": verdict(estimate, claim.threshold),
        "effect": estimate.effect,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        # Directions of one round over parameters; the runs that take no such steps have none.
        "p_over_d": float((rows["directions"] / rows["d"]).max()),
        "paper": _reported(claim),
        "about": claim.about,
        "text": claim.text,
        "scale": sample.scale,
        "measure": _measured(claim),
        "statistic": STATISTICS[claim.statistic].format(of=claim.of),
        "threshold": claim.threshold,
        "unit": "ratio" if claim.statistic in RATIOS else MEASURES[claim.measure].unit,
        "p_value": estimate.p,
        "paper_effect": _paper_effect(claim.paper, claim.statistic),
        "note": "; ".join(
            [*sample.notes, *_estimated(rows), *_why_no_interval(claim, estimate), *_diverged(rows)]
        ),
    }


def verdict(estimate: statistics.Estimate, threshold: float) -> str:
    """The word for where an interval lies; one that has no ends decides nothing."""
    if estimate.n == 0:
        return "not run"
    if estimate.low > threshold:
        return "supported"
    return "contradicted" if estimate.high < threshold else "inconclusive"


def estimate_of(claim: Claim, sample: Sample, level: float) -> statistics.Estimate:
    """The claim's statistic of what it compares."""
    x, y, null = sample.first, sample.second, claim.threshold
    if claim.statistic == "count":
        return statistics.count_ratio(x, y)
    if claim.statistic == "spread":
        return statistics.spread_ratio(x, y, level, null)
    if claim.statistic == "minimum":
        return statistics.minimum_difference(x, y, claim.of or 1, level, null)
    return statistics.mean_interval(x - y, level, null)


def _measured(claim: Claim) -> str:
    """Such as "test accuracy at the end"."""
    when = "at the end" if claim.period == "end" else "over phase 2"
    return f"{MEASURES[claim.measure].words} {when}"


def _reported(claim: Claim) -> str:
    """What the paper says, as a reader wants it; empty where it has no number."""
    paper, effect = claim.paper, _paper_effect(claim.paper, claim.statistic)
    if effect is None:
        return ""
    sides = f"{paper.first:g} against {paper.second:g}"
    said = f"ratio {effect:.2f}" if claim.statistic in RATIOS else f"{effect:+.1f} points"
    return f"{said} ({sides}; {paper.where})" if paper.where else f"{said} ({sides})"


def _paper_effect(paper: Paper, statistic: str) -> float | None:
    if paper.first is None or paper.second is None:
        return None
    if statistic in RATIOS:
        return paper.first / paper.second
    return round(paper.first - paper.second, 9)  # in floating point 54.3 - 44.3 is not 10


def _why_no_interval(claim: Claim, estimate: statistics.Estimate) -> list[str]:
    if estimate.n == 0 or not isnan(estimate.low):
        return []
    if claim.statistic == "count":
        return ["no ratio: the second side counts nothing"]
    needed = {"mean": 2, "spread": 3, "minimum": (claim.of or 0) + 1}[claim.statistic]
    if estimate.n < needed:
        return [f"no interval: {estimate.n} common seeds, needs {needed}"]
    return ["no interval: the values do not vary between seeds"]


def _estimated(rows: pd.DataFrame) -> list[str]:
    """What no low-resource client could do, but a simulator does to save time."""
    return ["directional derivatives"] if (rows["estimator"] == "directional").any() else []


def _diverged(rows: pd.DataFrame) -> list[str]:
    """Names the runs that diverged; they count with the number that they ended at."""
    runs = [
        f"{row.run} seed {row.seed} in round {row.round}"
        for row in rows[rows["diverged"]].itertuples()
    ]
    if not runs:
        return []
    more = [f"{len(runs) - NAMED} more"] if len(runs) > NAMED else []
    return [f"diverged: {', '.join(runs[:NAMED] + more)}, counted as it is"]
