"""The statistics against scipy and against numbers computed by hand."""

from itertools import combinations
from math import isnan, sqrt

import numpy as np
import pytest
from scipy import stats as scipy_stats

from zowarmup.analysis import statistics

FIRST = np.array([54.1, 50.3, 57.7, 49.9, 55.2, 52.8])
SECOND = np.array([44.9, 47.2, 45.1, 40.3, 46.6, 44.0])
# Uncorrelated, with variances 10/3 and 4/3.
X, Y = (2.0, -2.0, 1.0, -1.0), (1.0, 1.0, -1.0, -1.0)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.996])
def test_paired_interval_is_that_of_scipy(level: float) -> None:
    ours = statistics.mean_interval(FIRST - SECOND, level)
    test = scipy_stats.ttest_rel(FIRST, SECOND)
    theirs = test.confidence_interval(level)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)
    assert ours.p == pytest.approx(test.pvalue, rel=1e-12)
    assert (ours.effect, ours.n) == (pytest.approx(np.mean(FIRST - SECOND)), 6)


def test_p_is_against_the_threshold() -> None:
    ours = statistics.mean_interval(FIRST - SECOND, 0.95, null=7.0)
    assert ours.p == pytest.approx(scipy_stats.ttest_1samp(FIRST - SECOND, 7.0).pvalue)


def test_mean_interval_by_hand() -> None:
    """1, 2, 3: mean 2, std 1; t of two degrees of freedom at 95 % is 4.302653."""
    ours = statistics.mean_interval([1, 2, 3])
    half = 4.302653 / sqrt(3)
    assert (ours.low, ours.high) == pytest.approx((2 - half, 2 + half), rel=1e-6)


@pytest.mark.parametrize("values", [[], [0.3], [0.1, 0.1, 0.1], [0.3 - 0.1, 0.2, 0.2]])
def test_no_interval_without_spread(values: list[float]) -> None:
    ours = statistics.mean_interval(values)
    assert ours.n == len(values)
    assert isnan(ours.low)
    assert isnan(ours.high)
    assert isnan(ours.p)


def test_pitman_morgan_by_hand() -> None:
    """All closed forms, since Student's t of two degrees of freedom has one.

    Its two-sided p is 1 - u with u = t / sqrt(2 + t^2), so u = 0.95, t^2 = 2 u^2 / (1 - u^2).
    X and Y are uncorrelated, n - 2 = 2: K = 1 + t^2 = (1 + u^2) / (1 - u^2) and
    K + sqrt(K^2 - 1) = (1 + u)^2 / (1 - u^2) = (1 + u) / (1 - u) = 39.
    Sum and difference correlate with (10 - 4) / (10 + 4) = 3/7, which is the u of their test.
    """
    ours = statistics.spread_ratio(X, Y)
    assert ours.effect == pytest.approx(sqrt(2.5))
    assert (ours.low, ours.high) == pytest.approx((sqrt(2.5 / 39), sqrt(2.5 * 39)))
    assert ours.p == pytest.approx(4 / 7)


@pytest.mark.parametrize("level", [0.8, 0.95, 0.996])
def test_pitman_morgan_interval_is_the_test_turned_round(level: float) -> None:
    ours = statistics.spread_ratio(FIRST, SECOND, level)
    for end in (ours.low, ours.high):
        assert statistics.spread_ratio(FIRST, SECOND, level, null=end).p == pytest.approx(1 - level)


def test_spread_ratio_swapped_is_its_inverse() -> None:
    ratio, inverse = statistics.spread_ratio(FIRST, SECOND), statistics.spread_ratio(SECOND, FIRST)
    assert inverse.effect == pytest.approx(1 / ratio.effect)
    assert (inverse.low, inverse.high) == pytest.approx((1 / ratio.high, 1 / ratio.low))
    assert inverse.p == pytest.approx(ratio.p)


def test_spread_ratio_ignores_shift_and_common_scale() -> None:
    plain, moved = (
        statistics.spread_ratio(FIRST, SECOND),
        statistics.spread_ratio(3 * FIRST + 1, 3 * SECOND),
    )
    assert (moved.effect, moved.low, moved.p) == pytest.approx((plain.effect, plain.low, plain.p))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([], []),
        ([1.0], [2.0]),
        ([1.0, 2.0], [2.0, 5.0]),  # two pairs always lie on a line
        ([1.0, 2.0, 4.0], [3.0, 3.0, 3.0]),
        ([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]),
        ([1.0, 2.0, 4.0], [-1.0, -2.0, -4.0]),
    ],
    ids=["none", "one", "two", "constant", "on a line", "on a falling line"],
)
def test_no_interval_for_a_ratio_without_evidence(first: list[float], second: list[float]) -> None:
    ours = statistics.spread_ratio(first, second)
    assert isnan(ours.low)
    assert isnan(ours.high)
    assert isnan(ours.p)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_expected_minimum_is_the_mean_over_all_subsets(k: int) -> None:
    subsets = [min(subset) for subset in combinations(FIRST, k)]
    assert statistics.expected_minimum(FIRST, k) == pytest.approx(np.mean(subsets))


def test_minimum_of_one_is_the_paired_interval() -> None:
    ours, plain = (
        statistics.minimum_difference(FIRST, SECOND, 1),
        statistics.mean_interval(FIRST - SECOND),
    )
    assert (ours.effect, ours.low, ours.high, ours.p) == pytest.approx(
        (plain.effect, plain.low, plain.high, plain.p)
    )


def test_minimum_difference_by_hand() -> None:
    """Worst of two of 1, 2, 6: 1, 1, 2, mean 4/3; against three noughts.

    Without one seed at a time the minima are 2, 1, 1: pseudo-values 4 - 2 * (2, 1, 1) = 0, 2, 2,
    mean 4/3, std 2 / sqrt 3, standard error 2/3.
    """
    ours = statistics.minimum_difference([1, 2, 6], [0, 0, 0], k=2)
    assert ours.effect == pytest.approx(4 / 3)
    assert ours.high - ours.effect == pytest.approx(4.302653 * 2 / 3, rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_no_interval_for_a_minimum_of_too_few(n: int) -> None:
    ours = statistics.minimum_difference(FIRST[:n], SECOND[:n], k=3)
    assert ours.n == n
    assert isnan(ours.effect) == (n < 3)
    assert isnan(ours.low)


def test_count_ratio_by_hand() -> None:
    """600 / 100 and 1000 / 100, of the means 800 / 100; no p, since nothing is estimated."""
    ours = statistics.count_ratio([600, 1000], [100, 100])
    assert (ours.effect, ours.low, ours.high, ours.n) == (8, 6, 10, 2)
    assert isnan(ours.p)


def test_one_count_is_enough() -> None:
    ours = statistics.count_ratio([30], [20])
    assert (ours.effect, ours.low, ours.high) == (1.5, 1.5, 1.5)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1], [0]), ([1, 1], [0, 2])])
def test_no_ratio_to_nothing(first: list[float], second: list[float]) -> None:
    ours = statistics.count_ratio(first, second)
    assert ours.n == len(first)
    assert isnan(ours.effect)
    assert isnan(ours.low)


def test_holm_by_hand() -> None:
    """Four tests: 4 * 0.005, then 3 * 0.01, 2 * 0.03 and 0.04, which may not be below 2 * 0.03."""
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    some = statistics.holm([0.3, float("nan"), 0.9])
    assert some[[0, 2]] == pytest.approx([0.6, 0.9])
    assert isnan(some[1])
    assert statistics.holm([0.6, 0.7]) == pytest.approx([1, 1])


@pytest.mark.parametrize(("low", "high"), [(-2, 2), (5, 12), (8, 9), (9, 11), (-3, 0)])
def test_equivalence_is_two_one_sided_tests(low: float, high: float) -> None:
    x = FIRST - SECOND
    ours = statistics.equivalence(lambda null: statistics.mean_interval(x, null=null), low, high)
    above = scipy_stats.ttest_1samp(x, low, alternative="greater").pvalue
    below = scipy_stats.ttest_1samp(x, high, alternative="less").pvalue
    assert ours == pytest.approx(max(above, below))


def test_equivalence_of_spreads_is_the_interval_of_90_percent() -> None:
    """TOST at 5 % rejects exactly if the interval of 90 % lies inside of the margin."""
    ends = statistics.spread_ratio(FIRST, SECOND, 0.9)
    margin = max(ends.high, 1 / ends.low)

    def p(factor: float) -> float:
        return statistics.equivalence(
            lambda null: statistics.spread_ratio(FIRST, SECOND, null=null), 1 / factor, factor
        )

    assert p(margin) == pytest.approx(0.05)
    assert p(1.1 * margin) < 0.05 < p(0.9 * margin)


@pytest.mark.parametrize("effect", [0.5, 1.0])
def test_seeds_needed_have_80_percent_power(effect: float) -> None:
    """Against the noncentral t: n seeds have about 80 %, one seed fewer has less."""
    n = 6
    p = float(scipy_stats.t.sf(effect * sqrt(n), n - 1))
    needed = statistics.seeds_needed(p, n, 0.025)

    def power(seeds: float) -> float:
        critical = scipy_stats.t.isf(0.025, seeds - 1)
        return float(scipy_stats.nct.sf(critical, seeds - 1, effect * sqrt(seeds)))

    assert power(needed - 2) < 0.8 <= power(needed + 1)


def test_no_number_of_seeds_is_enough_for_nothing() -> None:
    assert isnan(statistics.seeds_needed(0.5, 5, 0.025))
    assert isnan(statistics.seeds_needed(float("nan"), 5, 0.025))
