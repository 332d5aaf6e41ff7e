"""The statistics behind every verdict: paired intervals and tests, and their adjustment by Holm.

All comparisons are paired by seed: federation, initialisation and warm-up are the same on both
sides. An interval needs at least two pairs and differences that vary (equal differences say nothing
about their spread). Without it, both ends and p are NaN; no interval has zero width.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import acosh, comb, exp, nan

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

POWER = 0.8  # of the test with the number of seeds that is needed
MOST = 1000  # seeds; nobody runs more


@dataclass(frozen=True)
class Estimate:
    """An effect, its interval [low, high], the number of pairs, and the two-sided p of a test."""

    effect: float
    low: float
    high: float
    n: int
    p: float


def mean_interval(values: ArrayLike, level: float = 0.95, null: float = 0.0) -> Estimate:
    """Return the mean with Student's t interval; p tests mean = null with the one-sample t test.

    If the values are differences by seed, this is the paired t interval.
    """
    x = np.asarray(values, dtype=float)
    mean = float(x.mean()) if x.size else nan
    # Equal inputs can differ in the last bits after subtraction; that is not spread.
    if x.size < 2 or np.ptp(x) <= 1e-12 * max(1.0, float(np.abs(x).max())):
        return Estimate(mean, nan, nan, x.size, nan)
    test = stats.ttest_1samp(x, null)
    low, high = test.confidence_interval(level)
    return Estimate(mean, float(low), float(high), x.size, float(test.pvalue))


def spread_ratio(
    first: ArrayLike, second: ArrayLike, level: float = 0.95, null: float = 1.0
) -> Estimate:
    """Return std of `first` / std of `second` with interval and p of the paired Pitman-Morgan test.

    Var(x) = Var(y) exactly if x + y and x - y are uncorrelated, so the test is Pearson's on their
    correlation. The interval holds all ratios that the test does not reject. With F the ratio of
    variances, r the correlation of x and y, t the critical value, the interval's squared ends are

        F * (K -+ sqrt(K^2 - 1)),   K = 1 + 2 t^2 (1 - r^2) / (n - 2)

    Interval and p therefore agree. Both assume normal pairs; heavy tails cause false rejections.

    Args:
        first, second: (n,) values of the same seeds in the same order.
        null: the ratio that the test behind p assumes.

    References: Pitman 1939 and Morgan 1939, Biometrika 31.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n = x.size
    std_x, std_y = (float(v.std(ddof=1)) if n > 1 else 0.0 for v in (x, y))
    ratio = std_x / std_y if std_y > 0 else nan
    r = float(np.corrcoef(x, y)[0, 1]) if std_x > 0 and std_y > 0 else 1.0
    # Two pairs, or pairs on a straight line, do not show how uncertain the ratio is.
    if n < 3 or 1 - r**2 <= 1e-12:
        return Estimate(ratio, nan, nan, n, nan)
    t = float(stats.t.ppf((1 + level) / 2, n - 2))
    k = 1 + 2 * t**2 * (1 - r**2) / (n - 2)
    widen = exp(acosh(k) / 2)  # K + sqrt(K^2 - 1) = exp(arccosh K); its root for a ratio of std
    p = float(stats.pearsonr(x / null + y, x / null - y).pvalue)
    return Estimate(ratio, ratio / widen, ratio * widen, n, p)


def expected_minimum(values: ArrayLike, k: int) -> np.ndarray:
    """Return the smallest value of a subset of k values, averaged over all such subsets.

    For each row of (..., n) values, an unbiased estimate of the worst of k seeds. The plain minimum
    (k = n) hangs on one value and has no honest interval; a k well below n gives one.
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = x.shape[-1]
    # The i-th smallest (i from 0) is the minimum in C(n - 1 - i, k - 1) of the C(n, k) subsets.
    return np.asarray(sum(x[..., i] * comb(n - 1 - i, k - 1) for i in range(n)) / comb(n, k))


def minimum_difference(
    first: ArrayLike, second: ArrayLike, k: int, level: float = 0.95, null: float = 0.0
) -> Estimate:
    """Return the difference of the expected worst of k seeds, with a paired jackknife's t interval.

    The jackknife leaves out one seed on both sides at a time (Tukey 1958) and needs n > k. With
    k = 1 it gives the paired t interval. It is somewhat too narrow, more so for a larger k.
    """
    sides = np.array([first, second], dtype=float)
    n = sides.shape[1]
    effect = float(np.subtract(*expected_minimum(sides, k))) if n >= k else nan
    if n <= k:
        return Estimate(effect, nan, nan, n, nan)
    rest = [np.subtract(*expected_minimum(np.delete(sides, i, axis=1), k)) for i in range(n)]
    # The pseudo-values average to the estimate itself, because the estimate is a U-statistic.
    return mean_interval(n * effect - (n - 1) * np.array(rest), level, null)


def count_ratio(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Return mean of `first` / mean of `second`, with the smallest and the largest ratio of a pair.

    For counts such as bytes: they follow from the settings and not from chance, so p is NaN. All
    numbers are NaN if a count of `second` is 0.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not y.size or not (y > 0).all():
        return Estimate(nan, nan, nan, y.size, nan)
    ratios = x / y
    return Estimate(x.mean() / y.mean(), float(ratios.min()), float(ratios.max()), y.size, nan)


def equivalence(test: Callable[[float], Estimate], low: float, high: float) -> float:
    """Return p of two one-sided tests (TOST) that the effect lies between `low` and `high`.

    Args:
        test: returns the estimate whose two-sided p tests the value that it is given.

    Reference: Schuirmann 1987, Journal of Pharmacokinetics and Biopharmaceutics 15.
    """
    above, below = test(low), test(high)
    # Half of a two-sided p is the one-sided p if the effect lies on the side that is tested.
    sides = ((above.p, above.effect > low), (below.p, below.effect < high))
    return max(p / 2 if fits else 1 - p / 2 for p, fits in sides)


def holm(p_values: ArrayLike) -> np.ndarray:
    """Return Holm's adjusted p values in the order given; a NaN stays NaN and does not count.

    Reference: Holm 1979, Scandinavian Journal of Statistics 6.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN is sorted to the end
    adjusted = np.full_like(p, nan)
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return adjusted


def seeds_needed(p: float, n: int, level: float, lost: int = 1) -> float:
    """Return the smallest number of seeds above n with 80 % power, if effect and spread stay.

    The power is that of the noncentral t, approximated by the sum of two quantiles of t. Return NaN
    if p is, or if more than MOST seeds are needed.

    Args:
        p, level: one-sided; of a two-sided test, half of each.
        lost: n minus the degrees of freedom of the test.
    """
    t = float(stats.t.isf(p, n - lost))
    more = np.arange(n + 1, MOST + 1)
    quantiles = stats.t.isf(level, more - lost) + stats.t.isf(1 - POWER, more - lost)
    enough = more[t * np.sqrt(more / n) >= quantiles]
    return float(enough[0]) if enough.size else nan
