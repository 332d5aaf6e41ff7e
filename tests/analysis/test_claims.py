"""The samples, estimates and notes of claims on made-up metrics, and the written verdicts."""

import re
from collections.abc import Sequence
from math import isnan, log, sqrt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_claims import BETTER, FORTY, WORSE, claim, judged, one, run

from zowarmup.analysis.claims import decide, judge, write
from zowarmup.analysis.claims.sample import samples, values
from zowarmup.config.yaml_file import ConfigError

T2 = 4.302653  # Student's t, two degrees of freedom, 95 %
THEIRS = run("theirs", [40, 40, 40])


def test_columns_come_in_a_fixed_order() -> None:
    table = judged([THEIRS], it=claim()).reset_index()
    assert tuple(table) == judge.COLUMNS


def test_a_verdict_names_its_scale() -> None:
    row = one([run("ours", [49, 50, 51]), run("theirs", [40, 40, 40], directions=0)])
    assert row.scale == "made-up, mlp, d = 1,200"
    assert row.p_over_d == 30 / 1200


def test_every_scale_has_its_own_verdict() -> None:
    large = [run("ours", WORSE, model="cnn"), run("theirs", FORTY, model="cnn")]
    table = judged([run("ours", BETTER), run("theirs", FORTY), *large], it=claim())
    assert dict(zip(table["scale"].str.split(", ").str[1], table["verdict"], strict=True)) == {
        "cnn": "contradicted",
        "mlp": "supported",
    }


def test_absent_runs_are_not_run_and_named() -> None:
    row = one([run("ours", [49, 50, 51])])
    assert (row.verdict, row.n) == ("not run", 0)
    assert isnan(row.effect)
    assert row.note == "study main has no runs with method theirs"
    other = one([THEIRS], study="pivot")
    assert (other.verdict, other.note, other.scale) == (
        "not run",
        "no runs of the study pivot",
        "",
    )


def test_identical_differences_decide_nothing() -> None:
    row = one([run("ours", [50] * 5), run("theirs", FORTY)])
    assert (row.verdict, row.note) == (
        "inconclusive",
        "no interval: the values do not vary between seeds",
    )


def test_only_common_seeds_are_paired() -> None:
    row = one([run("ours", [*BETTER, 90, 90]), run("theirs", FORTY)])
    assert (row.n, row.effect) == (5, pytest.approx(10))
    assert row.note == "left out, no number on both sides: seed 5, 6"
    lone = run("theirs", [40, 40]).assign(seed=lambda rows: rows["seed"] + 7)
    assert one([run("ours", [49, 50]), lone]).note == "no seed has a number on both sides"


def test_a_diverged_run_counts_and_is_named() -> None:
    """Without seed 1 the differences are 8, 10, 11, 12."""
    ours = run("ours", BETTER)
    ours.loc[(ours["seed"] == 1) & (ours["round"] == 10), ["round", "diverged"]] = [7, True]
    row = one([ours, run("theirs", FORTY)])
    assert (row.n, row.effect) == (5, pytest.approx(10))
    assert (row.diverged, row.effect_without_diverged) == (1, pytest.approx(10.25))
    assert row.note == (
        "1 of 10 runs diverged: ours seed 1 in round 7; without their seeds +10.2 points, n = 4"
    )


def test_of_many_diverged_runs_three_are_named() -> None:
    row = one([run("ours", [10, 11, 12, 13, 14], diverged=True), run("theirs", FORTY)])
    assert row.note.startswith("5 of 10 runs diverged: ours seed 0 in round 10, ")
    assert row.note.endswith("seed 2 in round 10, 2 more; without their seeds – points, n = 0")


def test_a_note_names_the_claim_with_the_same_numbers() -> None:
    """As where a selection picks the learning rate that another variant was given."""
    copy = run("ours", BETTER).assign(method="copy", run="copy")
    table = judged(
        [run("ours", BETTER), copy, run("theirs", FORTY)],
        a=claim(),
        b=claim(first={"method": "copy"}),
    )
    assert table["note"].tolist() == ["", "the same numbers as a, no further evidence"]


def test_a_gain_is_over_the_same_split() -> None:
    """Gains 10 +- 1 and 2: their difference is 7, 8, 9 over the seeds."""
    metrics = [
        run("ours", [49, 50, 51]), THEIRS,
        run("ours", [72, 72, 72], split="50/50"), run("theirs", [70, 70, 70], split="50/50"),
    ]  # fmt: skip
    sides = {
        "first": {"method": "ours", "split": "10/90"},
        "second": {"method": "ours", "split": "50/50"},
    }
    row = one(metrics, **sides, over={"method": "theirs"})
    assert row.effect == pytest.approx(8)
    assert row.low == pytest.approx(8 - T2 / sqrt(3), rel=1e-6)


def test_listed_values_are_averaged_by_seed() -> None:
    metrics = [
        run("ours", accuracies, pivot=pivot, run=f"at_{pivot}")
        for pivot, accuracies in ((50, [40, 40, 40]), (200, [48, 50, 52]), (300, [50, 50, 50]))
    ]
    row = one(metrics, first={"pivot": [200, 300]}, second={"pivot": 50})
    assert (row.effect, row.low) == pytest.approx((10, 10 - T2 / sqrt(3)), rel=1e-6)


def test_a_spread_is_a_ratio_by_pitman_and_morgan() -> None:
    """The closed form of test_stats: the ratio of variances 2.5, its interval a factor of 39."""
    metrics = [run("ours", [52, 48, 51, 49]), run("theirs", [41, 41, 39, 39])]
    row = one(metrics, statistic="spread", threshold=1)
    assert (row.unit, row.effect) == ("ratio", pytest.approx(2.5**0.5))
    assert (row.low, row.high) == pytest.approx((sqrt(2.5 / 39), sqrt(2.5 * 39)))
    assert row.p_value == pytest.approx(4 / 7)
    assert "Pitman-Morgan" in row.statistic


def test_a_minimum_is_the_expected_worst_of_some_seeds() -> None:
    """The numbers of test_stats: worst of two of 1, 2, 6."""
    row = one([run("ours", [41, 42, 46]), THEIRS], statistic="minimum", of=2)
    assert row.effect == pytest.approx(4 / 3)
    assert "worst of 2 seeds" in row.statistic
    few = one([run("ours", BETTER), run("theirs", FORTY)], statistic="minimum", of=5)
    assert (few.verdict, few.note) == ("inconclusive", "no interval: 5 common seeds, needs 6")


def test_the_papers_number_stands_beside_ours() -> None:
    paper = {"first": 54.3, "second": 44.3, "where": "Table 1"}
    row = one([run("ours", [49, 50, 51]), THEIRS], paper=paper)
    assert (row.paper, row.paper_effect) == ("+10.0 points (54.3 against 44.3; Table 1)", 10.0)
    row = one([THEIRS], statistic="spread", threshold=1, paper={"first": 7.5, "second": 5.0})
    assert (row.paper, row.paper_effect) == ("ratio 1.50 (7.5 against 5)", 1.5)


def test_losses_are_compared_as_they_are() -> None:
    """The larger loss stands first; 0.5, 0.6, 0.7 above 0.4 are 0.1, 0.2, 0.3 more."""
    theirs = run("theirs", [40, 40, 40])
    theirs.loc[theirs["round"] == 10, "test_loss"] = [0.5, 0.6, 0.7]
    row = one(
        [theirs, run("ours", [50, 50, 50], test_loss=0.4)],
        measure="test_loss",
        first={"method": "theirs"},
        second={"method": "ours"},
    )
    assert (row.effect, row.unit) == (pytest.approx(0.2), "nats")
    assert row.low == pytest.approx(0.2 - T2 * 0.1 / sqrt(3), rel=1e-6)
    assert row.measure == "test loss at the end"


def test_a_diverged_loss_counts_as_ten_times_guessing() -> None:
    """Two classes: 10 ln 2, whether the loss is no number or a huge one."""
    ours = run("ours", [50, 50, 50], test_loss=1.0)
    ours.loc[ours["round"] == 10, "test_loss"] = [1.0, float("nan"), 1e30]
    sample = next(
        samples(
            pd.concat([ours, run("theirs", [40] * 3, test_loss=1.0)], ignore_index=True),
            claim(measure="test_loss"),
            "",
        )
    )
    assert sample.first.tolist() == pytest.approx([1, 10 * log(2), 10 * log(2)])


def phases(name: str, losses: Sequence[float], **columns: Any) -> pd.DataFrame:
    """One seed; phase 1 to round 4 with a loss of 9, then rounds 5, 7 and 10 with these losses."""
    rounds = (0, 4, 5, 7, 10)[: 2 + len(losses)]
    rows = [run(name, [50], round=at, **columns).tail(1) for at in rounds]
    numbers = {"train_loss": [9.0, 9.0, *losses], "phase": [1, 1, *[2] * len(losses)]}
    return pd.concat(rows, ignore_index=True).assign(pivot=4.0, **numbers)


def test_the_mean_over_a_phase_weighs_rows_by_their_rounds() -> None:
    """One round of 3, two of 6, three of 4: (3 + 12 + 12) / 6; phase 1 does not count."""
    table = values(phases("ours", [3, 6, 4]), "train_loss", "phase_2")
    assert table["value"].tolist() == pytest.approx([27 / 6])


def test_a_diverged_run_keeps_its_last_number_for_the_rest_of_the_phase() -> None:
    """One round of 3, two of 6, and the three that it did not train: (3 + 12 + 18) / 6."""
    table = values(phases("ours", [3, 6], diverged=True), "train_loss", "phase_2")
    assert table["value"].tolist() == pytest.approx([33 / 6])


def test_a_run_of_one_phase_has_no_number_for_the_second() -> None:
    metrics = pd.concat([phases("ours", [3, 6, 4]), phases("theirs", [])], ignore_index=True)
    row = one([metrics], measure="train_loss", period="phase_2")
    assert (row.verdict, row.note) == ("not run", "no seed has a number on both sides")


def test_chance_is_one_over_the_number_of_classes() -> None:
    """Two classes: 50 %; accuracies 44, 45, 46 are 4 to 6 points below."""
    row = one([run("ours", [44, 45, 46])], first={"chance": True}, second={"method": "ours"})
    assert (row.effect, row.n) == (pytest.approx(5), 3)
    assert row.low == pytest.approx(5 - T2 / sqrt(3), rel=1e-6)
    row = one([run("ours", [43, 44, 45, 46, 47])], second={"chance": True}, threshold=-10)
    assert (row.verdict, row.effect) == ("supported", pytest.approx(-5))


def test_a_claim_that_names_networks_compares_them() -> None:
    metrics = [
        run("ours", BETTER, model="resnet", d=3000),
        run("ours", FORTY, model="vit", d=5000),
    ]
    table = judged(
        metrics,
        it=claim(
            first={"method": "ours", "model": "resnet"}, second={"method": "ours", "model": "vit"}
        ),
    )
    assert len(table) == 1
    row = table.loc["it"]
    assert (row.verdict, row.effect) == ("supported", pytest.approx(10))
    assert row.scale == "made-up, resnet and vit, d = 3,000 to 5,000"


def test_a_scale_is_that_of_the_runs_that_went_in() -> None:
    """A wider network of the same study does not make the verdict one about it."""
    wide = run("ours", [49, 50, 51], width=64, d=99999, run="wide")
    row = one([run("ours", [49, 50, 51], width=1), run("theirs", [40] * 3, width=1), wide],
        first={"method": "ours", "width": 1})  # fmt: skip
    assert row.scale == "made-up, mlp, d = 1,200"


def test_runs_of_several_studies_can_be_compared() -> None:
    metrics = [run("ours", BETTER), run("theirs", FORTY, study="other")]
    assert one(metrics).verdict == "not run"
    row = one(metrics, study=["main", "other"])
    assert (row.verdict, row.effect) == ("supported", pytest.approx(10))


def test_no_skew_and_truth_values_match_the_text_of_the_file() -> None:
    metrics = [
        run("a", [49, 50, 51], alpha=float("inf"), shared_directions="True"),
        run("b", [40, 40, 40], alpha=0.1, shared_directions="False"),
    ]
    for first, second in (
        ({"alpha": "infinite"}, {"alpha": 0.1}),
        ({"shared_directions": True}, {"shared_directions": False}),
    ):
        assert one(metrics, first=first, second=second).effect == pytest.approx(10)


def test_bytes_are_counted_without_a_test() -> None:
    """600 and 1000 bytes against 100: ratios 6 and 10, of the means 8."""
    more = run("theirs", [40, 40], bytes_up_low=500.0, bytes_down_low=100.0)
    more.loc[(more["seed"] == 1) & (more["round"] == 10), "bytes_up_low"] = 900.0
    less = run("ours", [50, 50], bytes_up_low=60.0, bytes_down_low=40.0)
    sides = {"first": {"method": "theirs"}, "second": {"method": "ours"}}
    bytes_ = {"measure": "bytes_low", "statistic": "count", "kind": "formula", "family": None}
    row = judged([more, less], it=claim(**sides, **bytes_, threshold=1)).loc["it"]
    assert (row.verdict, row.effect, row.low, row.high) == ("holds", 8, 6, 10)
    assert (row.unit, isnan(row.p_adjusted)) == ("ratio", True)
    row = judged([more, less], it=claim(**sides, **bytes_, threshold=7)).loc["it"]
    assert row.verdict == "does not hold"
    nothing = run("ours", [50, 50], bytes_up_low=0.0, bytes_down_low=0.0)
    row = judged([more, nothing], it=claim(**sides, **bytes_, threshold=1)).loc["it"]
    assert (row.verdict, row.note) == ("inconclusive", "no ratio: the second side counts nothing")


def test_ambiguous_columns_are_an_error() -> None:
    metrics = [run("ours", [50, 51]), run("ours", [50, 51], split="30/70"), THEIRS]
    with pytest.raises(ConfigError, match=r"claims.yaml: it: seed 0 occurs more than once.*naming"):
        one(metrics)


def test_the_hash_stands_in_every_verdict() -> None:
    table = judged([THEIRS], a=claim(), b=claim(threshold=1))
    assert (table["claims_sha256"] == "0" * 64).all()


# --- the written verdicts ------------------------------------------------------------------------


@pytest.fixture
def verdicts() -> pd.DataFrame:
    metrics = [run("ours", BETTER), run("theirs", FORTY)]
    return judged(
        metrics,
        good=claim(text="a < b & c | d"),
        bad=claim(threshold=20, family="second"),
        open=claim(threshold=9, family="second"),
        absent=claim(study="pivot", family="second"),
        ours=claim(kind="observation", family=None, text="we see"),
    ).reset_index()


def test_csv_gives_the_same_numbers_back(tmp_path: Path, verdicts: pd.DataFrame) -> None:
    write.write(verdicts, [tmp_path / "claims.csv"])
    back = pd.read_csv(tmp_path / "claims.csv", keep_default_na=False, na_values=[""])
    for column in ("effect", "low", "high", "p_value", "p_over_d", "distance"):
        pd.testing.assert_series_equal(back[column], verdicts[column], check_exact=True)


def test_markdown_escapes_pipes(tmp_path: Path, verdicts: pd.DataFrame) -> None:
    text = write.markdown(verdicts)
    assert "| a < b & c \\| d<br>good · made-up, mlp, d = 1,200 | supported |" in spaced_once(text)
    assert "+10.0 points [" in text
    for table in text.split("\n\n"):
        pipes = {line.replace("\\|", "").count("|") for line in table.splitlines() if "|" in line}
        assert len(pipes) <= 1


def spaced_once(text: str) -> str:
    return re.sub(" +", " ", text)


def test_verdicts_are_counted_by_heading_and_observations_apart(verdicts: pd.DataFrame) -> None:
    assert write.counts(verdicts) == {
        "First": [1, 0, 0, 0, 0, 0],
        "Second": [0, 0, 1, 0, 1, 1],
        "all": [1, 0, 1, 0, 1, 1],
    }
    text = spaced_once(write.markdown(verdicts))
    assert "| Second | 0 | 0 | 1 | 0 | 1 | 1 |" in text
    order = [text.index(f"## {x}") for x in ("First", "Second", "Observations of ours", "Not run")]
    assert order == sorted(order)
    assert "| ours is better<br>absent | no runs of the study pivot |" in text
    assert re.search(r"\| we see<br>ours · [^|]* \| observed \|", text)


def test_only_an_unusual_threshold_is_shown(verdicts: pd.DataFrame) -> None:
    text = write.markdown(verdicts)
    assert text.count("threshold 20") == text.count("threshold 9") == 1
    assert "threshold 0" not in text


def test_html_tells_verdicts_by_word_and_needs_no_other_file(verdicts: pd.DataFrame) -> None:
    page = write.html(verdicts)
    for word in (*decide.VERDICTS, *decide.APART):
        name = word.replace(",", "").replace(" ", "-")
        assert f".{name} {{ color:" in page or f".{name}, ." in page
        shown = f'<span class="verdict {name}">{word}</span>' in page
        assert shown == (word in (*decide.VERDICTS, "observed"))
    assert "a &lt; b &amp; c | d" in page
    assert '<html lang="en">' in page
    assert not re.search(r"<[^>]* (src|href)=", page)


def test_other_endings_are_refused(tmp_path: Path, verdicts: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"must end in one of .csv, .md, .html"):
        write.write(verdicts, [tmp_path / "claims.tex"])
