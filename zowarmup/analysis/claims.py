"""A verdict on every claim: the interval of its effect against its threshold.

The claims and the way each is tested are fixed in a file beforehand (see claims_file); nothing here
chooses. A claim whose runs are not there is "not run", one whose interval holds the threshold, or
that has no interval, is "inconclusive".
"""

from typing import Any

import pandas as pd

from zowarmup.analysis import metrics as m
from zowarmup.analysis import stats
from zowarmup.analysis.claims_file import Claim, Claims, Paper, read
from zowarmup.analysis.claims_sample import Sample, sample_of

__all__ = ["LEVEL", "VERDICTS", "Claims", "judge", "read"]

LEVEL = 0.95  # of all intervals together
VERDICTS = ("supported", "contradicted", "inconclusive", "not run")
UNITS = {"mean": "points", "minimum": "points", "spread": "ratio"}
STATISTICS = {
    "mean": "difference of means, paired t interval",
    "spread": "ratio of standard deviations, Pitman-Morgan interval",
    "minimum": "difference of the expected worst of {of} seeds, jackknife t interval",
}
Case = tuple[str, Claim, tuple[str, str], Sample]  # claim id, claim, scale, what it compares
COLUMNS = [
    "claim", "verdict", "effect", "low", "high", "n", "p_over_d", "paper", "text", "scale",
    "statistic", "threshold", "unit", "p_value", "level", "n_claims", "paper_effect", "note",
    "claims_sha256",
]  # fmt: skip


def judge(metrics: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """One row per claim and scale (data set and model), in the order of the file.

    Effects, intervals and thresholds are in the row's `unit`; `points` are percentage points of
    test accuracy. The intervals have `level`, so that those of all `n_claims` claims whose runs are
    there hold together with 95 % (Bonferroni); `p_value` is two-sided against the threshold and
    not corrected. A diverged run counts with what it ended at and is named in the note.

    Args:
        metrics: as metrics.read returns it.

    Raises:
        ConfigError: a claim's columns choose two runs of one seed where they should choose one.
    """
    final = m.final_rows(metrics)
    cases: list[Case] = [
        (name, claim, scale, sample_of(m.at_scale(final, scale), claim, f"{claims.file}: {name}"))
        for name, claim in claims.claims.items()
        for scale in m.scales(final)
    ]
    tested = sum(len(sample.first) > 0 for *_, sample in cases)
    level = stats.bonferroni(LEVEL, max(1, tested))
    common = {"level": level, "n_claims": tested, "claims_sha256": claims.sha256}
    rows = [
        _row(name, claim, sample, level) | {"scale": _named(final, scale)} | common
        for name, claim, scale, sample in cases
    ]
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
    for name, claim, scale, sample in cases:
        values = (*sample.first.items(), None, *sample.second.items())
        first = seen.setdefault((claim.statistic, claim.of, scale, values), name)
        twin = first != name and not sample.first.empty
        twins.append(f"the same numbers as {first}, no further evidence" if twin else "")
    return twins


def _named(final: pd.DataFrame, scale: tuple[str, str]) -> str:
    """A small model makes zeroth-order steps easier, so every verdict says how small it is."""
    return f"{scale[0]}, {scale[1]}, d = {int(m.at_scale(final, scale)['d'].max()):,}"


def _row(name: str, claim: Claim, sample: Sample, level: float) -> dict[str, Any]:
    estimate = _estimate(claim, sample, level)
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
        "text": claim.text,
        "statistic": STATISTICS[claim.statistic].format(of=claim.of),
        "threshold": claim.threshold,
        "unit": UNITS[claim.statistic],
        "p_value": estimate.p,
        "paper_effect": _paper_effect(claim.paper, claim.statistic),
        "note": "; ".join([*sample.notes, *_why_no_interval(claim, estimate), *_diverged(rows)]),
    }


def verdict(estimate: stats.Estimate, threshold: float) -> str:
    """The word for where an interval lies; one that has no ends decides nothing."""
    if estimate.n == 0:
        return "not run"
    if estimate.low > threshold:
        return "supported"
    return "contradicted" if estimate.high < threshold else "inconclusive"


def _estimate(claim: Claim, sample: Sample, level: float) -> stats.Estimate:
    x, y, null = sample.first, sample.second, claim.threshold
    if claim.statistic == "spread":
        return stats.spread_ratio(x, y, level, null)
    if claim.statistic == "minimum":
        return stats.minimum_difference(100 * x, 100 * y, claim.of or 1, level, null)
    return stats.mean_interval(100 * (x - y), level, null)


def _reported(claim: Claim) -> str:
    """What the paper says, as a reader wants it; empty where it has no number."""
    paper, effect = claim.paper, _paper_effect(claim.paper, claim.statistic)
    if effect is None:
        return ""
    sides = f"{paper.first:g} against {paper.second:g}"
    said = f"ratio {effect:.2f}" if claim.statistic == "spread" else f"{effect:+.1f} points"
    return f"{said} ({sides}; {paper.where})" if paper.where else f"{said} ({sides})"


def _paper_effect(paper: Paper, statistic: str) -> float | None:
    if paper.first is None or paper.second is None:
        return None
    if statistic == "spread":
        return paper.first / paper.second
    return round(paper.first - paper.second, 9)  # in floating point 54.3 - 44.3 is not 10


def _why_no_interval(claim: Claim, estimate: stats.Estimate) -> list[str]:
    if estimate.n == 0 or estimate.low == estimate.low:  # NaN is not itself
        return []
    needed = {"mean": 2, "spread": 3, "minimum": (claim.of or 0) + 1}[claim.statistic]
    if estimate.n < needed:
        return [f"no interval: {estimate.n} common seeds, needs {needed}"]
    return ["no interval: the values do not vary between seeds"]


def _diverged(rows: pd.DataFrame) -> list[str]:
    """Names the runs that diverged; they count with the accuracy that they ended at."""
    return [
        f"diverged: {row.run} seed {row.seed} in round {row.round}, counted as it is"
        for row in rows[rows["diverged"]].itertuples()
    ]
