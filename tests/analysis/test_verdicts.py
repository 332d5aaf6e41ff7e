"""The verdicts: adjusted tests against a threshold and a margin, and a repeat of the runs."""

import re
from math import isnan, sqrt
from typing import Any

import pandas as pd
import pytest
from made_claims import BETTER, FORTY, claim, judged, run
from scipy import stats

from zowarmup.analysis import metrics as m
from zowarmup.analysis.claims import judge, repeat, schema

SAME = [39.8, 39.9, 40, 40.1, 40.2]


def of(ours: list[float], **changes: Any) -> Any:
    """The verdict on five differences to 40."""
    return judged([run("ours", ours), run("theirs", FORTY)], it=claim(**changes)).loc["it"]


@pytest.mark.parametrize(
    ("ours", "kind", "word"),
    [
        (BETTER, "difference", "supported"),
        ([30, 45, 30, 55, 50], "difference", "inconclusive"),
        ([28, 29, 30, 31, 32], "difference", "contradicted"),
        ([40.4, 40.5, 40.6, 40.5, 40.5], "difference", "supported, negligible"),
        (SAME, "difference", "no difference"),
        (SAME, "no_difference", "supported"),
        ([40.4, 40.5, 40.6, 40.5, 40.5], "no_difference", "supported"),
        (BETTER, "no_difference", "contradicted"),
        ([28, 29, 30, 31, 32], "no_difference", "contradicted"),
        ([41, 42, 43, 42, 44], "no_difference", "inconclusive"),  # differs, perhaps within 2
        ([30, 45, 30, 55, 50], "no_difference", "inconclusive"),
    ],
)
def test_the_word(ours: list[float], kind: str, word: str) -> None:
    """Margins are 2 points. Differences of 0.4 to 0.6 are significant and small."""
    assert of(ours, kind=kind).verdict == word


def test_p_values_are_those_of_scipy() -> None:
    row = of([41, 42, 43, 42, 44])
    x = [1, 2, 3, 2, 4]
    assert row.p_value == pytest.approx(stats.ttest_1samp(x, 0).pvalue)
    one_sided = [
        stats.ttest_1samp(x, null, alternative=side).pvalue
        for null, side in ((-2, "greater"), (2, "less"))
    ]
    assert row.p_equal == pytest.approx(max(one_sided))
    assert row.distance == pytest.approx(0.05 - row.p_value)


def test_the_tests_of_a_family_are_adjusted_together() -> None:
    """Two tests of p: the smaller counts twice; a third in another family counts once."""
    metrics = [run("ours", [44, 40, 48, 42, 41]), run("theirs", FORTY), run("third", BETTER)]
    table = judged(
        metrics,
        a=claim(),
        b=claim(first={"method": "third"}),
        c=claim(threshold=1, family="second"),
    )
    assert table.loc["b", "p_adjusted"] == pytest.approx(2 * table.loc["b", "p_value"])
    for name in ("a", "c"):
        assert table.loc[name, "p_adjusted"] == table.loc[name, "p_value"]


def test_an_adjusted_p_decides_where_the_interval_would_not() -> None:
    """p of about 0.03, twice: adjusted 0.06, though both intervals are above 0."""
    metrics = [run("ours", [42, 47, 44, 41, 49]), run("theirs", FORTY)]
    assert judged(metrics, a=claim()).loc["a", "verdict"] == "supported"
    other = claim(statistic="minimum", of=1)
    table = judged(metrics, a=claim(), b=other)
    assert (table["low"] > 0).all()
    assert (table["verdict"] == "inconclusive").all()


def test_too_few_seeds_give_no_verdict_and_weigh_on_no_other() -> None:
    metrics = [run("ours", BETTER), run("theirs", FORTY)]
    table = judged(metrics, a=claim(seeds=6), b=claim(threshold=1))
    assert table["verdict"].tolist() == ["inconclusive", "supported"]
    assert table.loc["a", "note"] == "too few seeds: 5 of 6"
    assert isnan(table.loc["a", "p_adjusted"])
    assert table.loc["b", "p_adjusted"] == table.loc["b", "p_value"]


def test_a_ratio_has_a_margin_of_a_factor() -> None:
    row = of([52, 48, 51, 49, 50], statistic="spread", threshold=1)
    assert (row.margin_low, row.margin_high) == pytest.approx((1 / 1.5, 1.5))
    assert isnan(of(BETTER, threshold=3).margin_low)  # such a threshold is a margin already


def test_an_interval_is_plain_and_cut_where_no_effect_is_possible() -> None:
    """Two differences of 0 and 50: 25 -+ 12.7062 * 25 goes beyond -100 and 100."""
    row = of([40, 90], second={"method": "theirs"})
    assert (row.low, row.high, row.cut) == (-100, 100, True)
    row = of(BETTER)
    assert row.high == pytest.approx(10 + 2.776445 * sqrt(2.5 / 5), rel=1e-6)
    assert not row.cut


def test_an_observation_is_shown_without_a_verdict() -> None:
    metrics = [run("ours", BETTER), run("theirs", FORTY)]
    table = judged(metrics, a=claim(), b=claim(kind="observation", family=None, threshold=1))
    assert table.loc["b", "verdict"] == "observed"
    assert isnan(table.loc["b", "p_adjusted"])
    assert table.loc["a", "p_adjusted"] == table.loc["a", "p_value"]


def test_seeds_needed_are_of_the_next_step_of_holm() -> None:
    """Alone, and beside a second undecided test: half the level needs more seeds."""
    metrics = [run("ours", [42, 38, 44, 41, 40]), run("theirs", FORTY)]
    alone = judged(metrics, a=claim(threshold=0.1)).loc["a", "seeds_needed"]
    both = judged(metrics, a=claim(threshold=0.1), b=claim(threshold=0.5))["seeds_needed"]
    assert 5 < alone < both["a"] < 1000
    assert isnan(of(BETTER).seeds_needed)


def test_a_difference_is_decided_by_its_absence_too() -> None:
    """Differences around 0 never show one; the test against the margin needs few seeds."""
    ours = [36, 38, 40, 42, 44]
    row = of(ours)
    assert (row.verdict, row.effect) == ("inconclusive", pytest.approx(0))
    assert 5 < row.seeds_needed < 20
    assert row.seeds_needed == of(ours, kind="no_difference").seeds_needed


# --- a repeat ------------------------------------------------------------------------------------


def repeated(again: pd.DataFrame, **changes: Any) -> pd.DataFrame:
    """Verdicts on `ours` against `theirs` and `third`, with a repeat of some runs."""
    metrics = pd.concat([run("ours", BETTER), run("theirs", FORTY), run("third", FORTY)])
    claims = {"it": claim(**changes), "other": claim(first={"method": "ours"}, threshold=1)}
    claims["away"] = claim(first={"method": "theirs"}, second={"method": "third"})
    listed = schema.Claims("", "", {"main": "First"}, schema.Margins(points=2, ratio=1.5), claims)
    return judge.judge(metrics.reset_index(drop=True), listed, again).set_index("claim")


def test_a_repeat_that_changes_a_verdict_makes_it_inconclusive() -> None:
    table = repeated(run("ours", [20, 60, 44, 60, 20]))
    row = table.loc["it"]
    assert row.verdict == "inconclusive"
    assert row.note == (
        "with other CPU kernels: +0.8 points, adjusted p 1, inconclusive, not supported"
    )
    assert row.distance > 0 > row.distance_repeat
    assert row.effect == pytest.approx(10)  # of the run itself
    assert isnan(row.seeds_needed)  # its five seeds did decide
    away = table.loc["away"]
    assert (isnan(away.distance_repeat), away.note.count("kernels")) == (True, 0)


def test_a_repeat_that_agrees_leaves_the_verdict() -> None:
    row = repeated(run("ours", [47, 49, 50, 51, 52])).loc["it"]
    assert row.verdict == "supported"
    assert re.fullmatch(
        r"with other CPU kernels: \+9.8 points, adjusted p 0.00\d+, supported", row.note
    )


def test_a_repeat_counts_only_what_both_have() -> None:
    """Its further seeds and studies are no repeats; without one of the run's, that seed stays."""
    far = run("ours", [0] * 9).query("seed > 4")
    row = repeated(pd.concat([far, run("ours", [0] * 5, study="pivot")])).loc["it"]
    assert (row.verdict, row.note) == ("supported", "")
    row = repeated(run("ours", [47, 49])).loc["it"]
    assert re.fullmatch(
        r"with other CPU kernels: \+9.8 points, adjusted p 0.00\d+, supported", row.note
    )


@pytest.mark.parametrize(("name", "value"), [("lr_2", 9.9), ("S", 50), ("rounds", 20), ("d", 5)])
def test_a_repeat_with_another_setting_is_refused(name: str, value: float) -> None:
    again = run("ours", BETTER, **{name: value})
    message = rf"run 'ours' seed 0 of study 'main' has {name} \S+, and in the repeat {value}; run"
    with pytest.raises(m.MetricsError, match=message):
        repeated(again)


def test_what_probes_decide_may_differ_in_a_repeat() -> None:
    """The pivot and the rate of phase 2."""
    ours, decided = run("ours", BETTER, pivot=4, probed=4.0, lr_2=0.1), {"pivot": 6, "lr_2": 0.2}
    table = repeat.replaced(ours, ours.assign(**decided))
    assert table["repeated"].all()
    with pytest.raises(m.MetricsError, match=r"has lr_1 nan, and in the repeat 0\.1;"):
        repeat.replaced(ours, ours.assign(lr_1=0.1))
