"""The tables `depth` and `variance` against hand computation."""

from math import isnan, sqrt
from typing import Any

import frames
import pandas as pd
import pytest
from scipy import stats

from zowarmup.analysis.tables import depth, display, variance
from zowarmup.common.errors import UserError

approx = pytest.approx


def table(**changed: Any) -> pd.DataFrame:
    """The table of `frames.depths`, with some measured quantities changed in every seed."""
    measured = frames.curvature()
    for one in measured:
        for point in one["points"]:
            point |= changed
    return depth.table(frames.frame(*frames.depths()), measured)


def test_a_row_per_network_and_start_by_depth() -> None:
    rows = table()
    named = list(zip(rows["model"], rows["from"], strict=True))
    starts = ("initialisation", "round 20")
    expected = [(model, start) for model in frames.DEPTHS for start in starts]
    assert sorted(named) == sorted(expected)
    assert rows["d"].is_monotonic_increasing


def test_the_gain_is_that_of_the_model_at_the_start() -> None:
    """|g|^2 is 0.4 times 1, 1.1, 1.2; the bound 2 (1 + 30 * 20 / 15) = 82."""
    first = table().query("model == 'mlp' and method == 'zo_init'").iloc[0]
    assert first["gain_mean"] == approx(0.44 / 82)
    assert first["gain_error"] == approx(0.04 / 82 / sqrt(3))
    assert first["gradient_square_mean"] == approx(0.44)
    warm = table().query("model == 'mlp' and method == 'zowarmup'").iloc[0]
    assert warm["gain_mean"] == approx(0.4 * 11.1 / 82)
    assert (warm["difference"], warm["high_mean"]) == approx((0.1, 0.61))


def test_a_setting_of_a_method_is_no_measurement() -> None:
    """`top` is the share of the entries that zo_mixed sends, and an eigenvalue."""
    metrics = frames.frame(*frames.depths()).assign(top=0.01)
    pd.testing.assert_frame_equal(depth.table(metrics, frames.curvature()), table())


def test_without_a_positive_trace_lambda_stands_alone() -> None:
    rows = table(trace=-5.0)
    assert rows["flat"].tolist() == [3] * 6
    assert rows.query("model == 'mlp'")["gain_mean"].iloc[0] == approx(0.44 / 2)
    assert set(table()["flat"]) == {0}


@pytest.mark.parametrize("changed", [{"trace": -5.0, "top": -1.0}, {"gradient_square": None}])
def test_where_nothing_bounds_the_gain_there_is_none(changed: dict[str, Any]) -> None:
    rows = table(**changed)
    assert rows["gain_mean"].isna().all()
    assert display.display(rows)["gain"].tolist() == [display.NONE] * 6


def test_without_measurements_it_says_so() -> None:
    with pytest.raises(UserError, match="was not measured; let one of its methods warm up"):
        depth.table(frames.frame(*frames.depths()), [])


def test_the_spread_of_each_source_has_a_chi_square_interval() -> None:
    """50, 54, 58 %: standard deviation 4 points; two degrees of freedom."""
    rows = variance.table(frames.frame(*frames.variances()))
    row = rows.query("method == 'zowarmup' and variant == 'federation'").iloc[0]
    assert (row["spread"], row["n"], row["mean"]) == approx((0.04, 3, 0.54))
    assert row["spread_low"] == approx(0.04 * sqrt(2 / stats.chi2.isf(0.025, 2)))
    assert row["spread_high"] == approx(0.04 * sqrt(2 / stats.chi2.isf(0.975, 2)))
    assert set(rows["source"]) == {"the federation", "directions", "all three"}


def test_the_spread_of_one_seed_is_unknown() -> None:
    rows = variance.table(frames.frame(*frames.variances(1)))
    assert all(isnan(value) for value in rows["spread"])
    assert all(isnan(value) for value in rows["spread_high"])
