"""The statistics behind every verdict: paired intervals, and a test for unequal spread.

All comparisons are paired by seed: federation, initialisation and warm-up are the same on both
sides. Where the data cannot carry an interval its ends and p are NaN, never zero width:
n < 2, or no spread at all (identical differences say nothing about how much they vary).
"""

from dataclasses import dataclass
from math import acosh, comb, exp, nan

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Estimate:
    """An effect, its interval [low, high], the number of pairs, and the two-sided p of a test."""

    effect: float
    low: float
    high: float
    n: int
    p: float


def mean_interval(values: ArrayLike, level: float = 0.95, null: float = 0.0) -> Estimate:
    """The mean with Student's t interval; p is the one-sample t test of mean = null.

    Of differences by seed this is the paired t interval.
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
    """Std of `first` over std of `second` for paired samples, by the Pitman-Morgan test.

    Var(x) = Var(y) exactly if x + y and x - y are uncorrelated: the test is Pearson's on sum and
    difference. The interval has all ratios that it does not reject: with F the ratio of variances,
    r the correlation of x and y and t the critical value,

        F * (K -+ sqrt(K^2 - 1)),   K = 1 + 2 t^2 (1 - r^2) / (n - 2)

    so interval and p agree. Both assume normal pairs; heavy tails make the test too eager.

    Args:
        first, second: (n,) values of the same seeds in the same order.
        null: the ratio that p tests.

    References: Pitman 1939 and Morgan 1939, Biometrika 31.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n = x.size
    std_x, std_y = (float(v.std(ddof=1)) if n > 1 else 0.0 for v in (x, y))
    ratio = std_x / std_y if std_y > 0 else nan
    r = float(np.corrcoef(x, y)[0, 1]) if std_x > 0 and std_y > 0 else 1.0
    # Two pairs, or pairs on a straight line, leave nothing over that says how sure the ratio is.
    if n < 3 or 1 - r**2 <= 1e-12:
        return Estimate(ratio, nan, nan, n, nan)
    t = float(stats.t.ppf((1 + level) / 2, n - 2))
    k = 1 + 2 * t**2 * (1 - r**2) / (n - 2)
    widen = exp(acosh(k) / 2)  # K + sqrt(K^2 - 1) = exp(arccosh K); half of it for a ratio of std
    p = float(stats.pearsonr(x / null + y, x / null - y).pvalue)
    return Estimate(ratio, ratio / widen, ratio * widen, n, p)


def expected_minimum(values: ArrayLike, k: int) -> np.ndarray:
    """The mean over all subsets of k values of the smallest value in the subset.

    An unbiased estimate of the worst of k seeds, of each row of (..., n) values. The plain minimum
    (k = n) hangs on one value and has no honest interval; k well below n has one.
    """
    x = np.sort(np.asarray(values, dtype=float))
    n = x.shape[-1]
    # The i-th smallest (i from 0) is the minimum of C(n - 1 - i, k - 1) of the C(n, k) subsets.
    return np.asarray(sum(x[..., i] * comb(n - 1 - i, k - 1) for i in range(n)) / comb(n, k))


def minimum_difference(
    first: ArrayLike, second: ArrayLike, k: int, level: float = 0.95, null: float = 0.0
) -> Estimate:
    """Expected worst of k seeds, first minus second, with the paired jackknife's t interval.

    Leaves out one seed on both sides at a time (Tukey 1958); needs n > k. With k = 1 it is the
    paired t interval. The interval is somewhat too narrow, the more so the larger k.
    """
    sides = np.array([first, second], dtype=float)
    n = sides.shape[1]
    effect = float(np.subtract(*expected_minimum(sides, k))) if n >= k else nan
    if n <= k:
        return Estimate(effect, nan, nan, n, nan)
    rest = [np.subtract(*expected_minimum(np.delete(sides, i, axis=1), k)) for i in range(n)]
    # Pseudo-values average to the estimate itself: this statistic is a U-statistic.
    return mean_interval(n * effect - (n - 1) * np.array(rest), level, null)


def count_ratio(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Mean of `first` over mean of `second`, with the smallest and largest ratio over the pairs.

    For counts such as bytes, which follow from the settings: no chance varies them, so p is NaN.
    All numbers are NaN for counts of 0.
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if not y.size or not (y > 0).all():
        return Estimate(nan, nan, nan, y.size, nan)
    ratios = x / y
    return Estimate(x.mean() / y.mean(), float(ratios.min()), float(ratios.max()), y.size, nan)
