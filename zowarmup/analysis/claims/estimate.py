"""The estimate of a claim's effect, and the test that the effect is too small to matter."""

from dataclasses import dataclass
from math import inf, nan

from zowarmup.analysis import statistics
from zowarmup.analysis.claims.sample import Sample
from zowarmup.analysis.claims.schema import RATIOS, TESTED, Claim, Margins

LEVEL = 0.95  # of every interval on its own


@dataclass(frozen=True)
class Equal:
    """The effects [low, high] that are too small to matter, and p of the test for them (TOST)."""

    low: float = nan
    high: float = nan
    p: float = nan


def estimate(claim: Claim, sample: Sample, null: float) -> statistics.Estimate:
    """Return the claim's statistic with its plain interval; p is two-sided and tests `null`."""
    x, y = sample.first, sample.second
    if claim.statistic == "count":
        return statistics.count_ratio(x, y)
    if claim.statistic == "spread":
        return statistics.spread_ratio(x, y, LEVEL, null)
    if claim.statistic == "minimum":
        return statistics.minimum_difference(x, y, claim.of or 1, LEVEL, null)
    return statistics.mean_interval(x - y, LEVEL, null)


def equal(claim: Claim, sample: Sample, margins: Margins) -> Equal:
    """Return the margin around the threshold and its test; NaNs if the claim has no margin.

    A claim whose threshold is not 0 or 1 has none: its threshold already is one.
    """
    margin = getattr(margins, claim.unit, None)
    usual = float(claim.statistic in RATIOS)
    if margin is None or claim.kind not in TESTED or claim.threshold != usual:
        return Equal()
    low, high = (1 / margin, margin) if claim.unit == "ratio" else (-margin, margin)
    p = statistics.equivalence(lambda null: estimate(claim, sample, null), low, high)
    return Equal(low, high, p)


def limits(claim: Claim) -> tuple[float, float]:
    """Return the smallest and the largest effect that are possible."""
    gains = 2 if claim.over.cells() != [{}] else 1  # a difference of two differences
    most = {"points": 100 * gains, "cosine": 2 * gains}.get(claim.unit, inf)
    return (0.0 if claim.unit == "ratio" else -most), most
