"""Verdicts on made-up metrics whose intervals are computed by hand."""

import re
from collections.abc import Sequence
from math import isnan, log, sqrt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from zowarmup.analysis.claims import judge, schema, write
from zowarmup.analysis.claims.sample import samples, values
from zowarmup.analysis.claims.schema import Claim
from zowarmup.config.yaml_file import ConfigError

T2 = 4.302653  # Student's t, two degrees of freedom, 95 %
PLAIN: dict[str, Any] = {
    "text": "ours is better",
    "study": "main",
    "statistic": "mean",
    "first": {"method": "ours"},
    "second": {"method": "theirs"},
    "threshold": 0,
}


def run(method: str, accuracies: Sequence[float], **columns: Any) -> pd.DataFrame:
    """Two evaluated rounds of one run per seed; accuracies in per cent are of the last."""
    base = {
        "study": "main", "dataset": "made-up", "model": "mlp", "split": "10/90", "run": method,
        "variant": "", "method": method, "rounds": 10, "pivot": float("nan"), "directions": 30,
        "d": 1200, "diverged": False, "classes": 2,
        "estimator": "two_point",
    }  # fmt: skip
    rows = [
        {**base, "seed": seed, "round": round_, "test_accuracy": value / 100, **columns}
        for seed, last in enumerate(accuracies)
        for round_, value in ((0, 99.0), (columns.get("round", 10), last))
    ]
    return pd.DataFrame(rows).drop_duplicates(["seed", "round"], keep="last")


def claim(**changes: Any) -> Claim:
    return Claim.model_validate(PLAIN | changes)


def judged(metrics: Sequence[pd.DataFrame], **named: Claim) -> pd.DataFrame:
    listed = schema.Claims("claims.yaml", "0" * 64, named)
    return judge.judge(pd.concat(metrics, ignore_index=True), listed).set_index("claim")


def one(metrics: Sequence[pd.DataFrame], **changes: Any) -> Any:
    return judged(metrics, it=claim(**changes)).loc["it"]


THEIRS = run("theirs", [40, 40, 40])


@pytest.mark.parametrize(
    ("ours", "threshold", "word"),
    [
        ([49, 50, 51], 0, "supported"),
        ([49, 50, 51], 7.5, "supported"),  # 10 - 2.484 = 7.516
        ([49, 50, 51], 7.6, "inconclusive"),
        ([49, 50, 51], 12.4, "inconclusive"),  # 10 + 2.484 = 12.484
        ([49, 50, 51], 12.5, "contradicted"),
        ([41, 42, 43], 0, "inconclusive"),
        ([29, 30, 31], 0, "contradicted"),
    ],
)
def test_the_interval_against_the_threshold(ours: list[float], threshold: float, word: str) -> None:
    """Differences m - 1, m, m + 1 have std 1: the interval is m -+ T2 / sqrt 3."""
    row = one([run("ours", ours), THEIRS], threshold=threshold)
    mean = ours[1] - 40
    assert row.verdict == word
    assert (row.effect, row.n, row.unit) == (pytest.approx(mean), 3, "points")
    half = T2 / sqrt(3)
    assert (row.low, row.high) == pytest.approx((mean - half, mean + half), rel=1e-6)


def test_columns_come_in_a_fixed_order() -> None:
    table = judged([THEIRS], it=claim()).reset_index()
    assert list(table)[:8] == [
        "claim", "verdict", "effect", "low", "high", "n", "p_over_d", "paper",
    ]  # fmt: skip
    assert {"scale", "statistic", "threshold", "p_value", "n_claims", "claims_sha256"} < set(table)


def test_a_verdict_names_its_scale() -> None:
    row = one([run("ours", [49, 50, 51]), run("theirs", [40, 40, 40], directions=0)])
    assert row.scale == "made-up, mlp, d = 1,200"
    assert row.p_over_d == 30 / 1200


def test_every_scale_has_its_own_verdict() -> None:
    large = [run("ours", [29, 30, 31], model="cnn"), run("theirs", [40, 40, 40], model="cnn")]
    table = judged([run("ours", [49, 50, 51]), THEIRS, *large], it=claim())
    assert dict(zip(table["scale"].str.split(", ").str[1], table["verdict"], strict=True)) == {
        "cnn": "contradicted",
        "mlp": "supported",
    }
    assert (table["n_claims"] == 2).all()


def test_intervals_widen_with_the_number_of_claims_that_can_be_tested() -> None:
    """Two of three claims: level 97.5 %, whose t of two degrees of freedom is 6.205347."""
    metrics = [run("ours", [49, 50, 51]), THEIRS]
    table = judged(
        metrics, a=claim(), b=claim(threshold=1), absent=claim(first={"method": "absent"})
    )
    assert (table["n_claims"] == 2).all()
    assert table["level"].tolist() == pytest.approx([0.975] * 3)
    assert table.loc["a", "high"] == pytest.approx(10 + 6.205347 / sqrt(3), rel=1e-6)
    assert table.loc["a", "p_value"] == pytest.approx(one(metrics).p_value)  # not corrected


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


def test_one_seed_decides_nothing() -> None:
    row = one([run("ours", [50]), run("theirs", [40])])
    assert (row.verdict, row.n, row.effect) == ("inconclusive", 1, pytest.approx(10))
    assert row.note == "no interval: 1 common seeds, needs 2"


def test_identical_differences_decide_nothing() -> None:
    row = one([run("ours", [50, 50, 50]), THEIRS])
    assert (row.verdict, row.note) == (
        "inconclusive",
        "no interval: the values do not vary between seeds",
    )


def test_only_common_seeds_are_paired() -> None:
    row = one([run("ours", [49, 50, 51, 90, 90]), THEIRS])
    assert (row.n, row.effect) == (3, pytest.approx(10))
    assert row.note == "left out, no number on both sides: seed 3, 4"
    lone = run("theirs", [40, 40]).assign(seed=lambda rows: rows["seed"] + 7)
    assert one([run("ours", [49, 50]), lone]).note == "no seed has a number on both sides"


def test_a_diverged_run_counts_and_is_named() -> None:
    ours = run("ours", [49, 50, 51])
    ours.loc[(ours["seed"] == 1) & (ours["round"] == 10), ["round", "diverged"]] = [7, True]
    row = one([ours, THEIRS])
    assert (row.n, row.effect) == (3, pytest.approx(10))
    assert row.note == "diverged: ours seed 1 in round 7, counted as it is"


def test_of_many_diverged_runs_three_are_named() -> None:
    row = one([run("ours", [10, 11, 12, 13, 14], diverged=True), run("theirs", [40] * 5)])
    assert row.note.startswith("diverged: ours seed 0 in round 10, ")
    assert row.note.endswith("ours seed 2 in round 10, 2 more, counted as it is")


def test_a_note_names_the_claim_with_the_same_numbers() -> None:
    """As where a selection picks the learning rate that another variant was given."""
    copy = run("ours", [49, 50, 51]).assign(method="copy", run="copy")
    table = judged(
        [run("ours", [49, 50, 51]), copy, THEIRS], a=claim(), b=claim(first={"method": "copy"})
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
    assert (row.verdict, row.effect) == ("supported", pytest.approx(8))
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
    assert (row.verdict, row.unit, row.effect) == ("inconclusive", "ratio", pytest.approx(2.5**0.5))
    assert (row.low, row.high) == pytest.approx((sqrt(2.5 / 39), sqrt(2.5 * 39)))
    assert row.p_value == pytest.approx(4 / 7)
    assert "Pitman-Morgan" in row.statistic
    assert one(metrics, statistic="spread", threshold=0.25).verdict == "supported"
    assert one(metrics, statistic="spread", threshold=10).verdict == "contradicted"


def test_a_minimum_is_the_expected_worst_of_some_seeds() -> None:
    """The numbers of test_stats: worst of two of 1, 2, 6."""
    row = one([run("ours", [41, 42, 46]), THEIRS], statistic="minimum", of=2)
    assert row.effect == pytest.approx(4 / 3)
    assert "worst of 2 seeds" in row.statistic
    few = one([run("ours", [41, 42]), run("theirs", [40, 40])], statistic="minimum", of=2)
    assert (few.verdict, few.note) == ("inconclusive", "no interval: 2 common seeds, needs 3")


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
    assert (row.verdict, row.effect, row.n) == ("supported", pytest.approx(5), 3)
    assert row.low == pytest.approx(5 - T2 / sqrt(3), rel=1e-6)
    row = one([run("ours", [44, 45, 46])], second={"chance": True}, threshold=-10)
    assert (row.verdict, row.effect) == ("supported", pytest.approx(-5))


def test_a_claim_that_names_networks_compares_them() -> None:
    metrics = [
        run("ours", [49, 50, 51], model="resnet", d=3000),
        run("ours", [40, 40, 40], model="vit", d=5000),
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
    metrics = [run("ours", [49, 50, 51]), run("theirs", [40, 40, 40], study="other")]
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


def test_bytes_are_counted_and_cost_no_level() -> None:
    """600 and 1000 bytes against 100: ratios 6 and 10, of the means 8."""
    more = run("theirs", [40, 40], bytes_up_low=500.0, bytes_down_low=100.0)
    more.loc[(more["seed"] == 1) & (more["round"] == 10), "bytes_up_low"] = 900.0
    less = run("ours", [50, 50], bytes_up_low=60.0, bytes_down_low=40.0)
    sides = {"first": {"method": "theirs"}, "second": {"method": "ours"}}
    bytes_ = claim(**sides, measure="bytes_low", statistic="count", threshold=1)
    row = judged([more, less], it=bytes_).loc["it"]
    assert (row.verdict, row.effect, row.low, row.high) == ("supported", 8, 6, 10)
    assert (row.unit, row.n_claims) == ("ratio", 0)
    nothing = run("ours", [50, 50], bytes_up_low=0.0, bytes_down_low=0.0)
    row = judged([more, nothing], it=bytes_).loc["it"]
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
    metrics = [run("ours", [49, 50, 51]), THEIRS]
    return judged(
        metrics,
        good=claim(text="a < b & c | d", about="First"),
        bad=claim(threshold=20, about="Second"),
        open=claim(threshold=10, about="Second"),
        absent=claim(study="pivot", about="Second"),
    ).reset_index()


def test_csv_gives_the_same_numbers_back(tmp_path: Path, verdicts: pd.DataFrame) -> None:
    write.write(verdicts, [tmp_path / "claims.csv"])
    back = pd.read_csv(tmp_path / "claims.csv", keep_default_na=False, na_values=[""])
    for column in ("effect", "low", "high", "p_value", "p_over_d", "level"):
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


def test_verdicts_are_counted_by_heading(verdicts: pd.DataFrame) -> None:
    assert write.counts(verdicts) == {
        "First": [1, 0, 0, 0],
        "Second": [0, 1, 1, 1],
        "all": [1, 1, 1, 1],
    }
    text = spaced_once(write.markdown(verdicts))
    assert "| Second | 0 | 1 | 1 | 1 |" in text
    assert text.index("## First") < text.index("## Second") < text.index("## Not run")
    assert "| ours is better<br>absent | no runs of the study pivot |" in text


def test_only_an_unusual_threshold_is_shown(verdicts: pd.DataFrame) -> None:
    text = write.markdown(verdicts)
    assert text.count("threshold 20") == text.count("threshold 10") == 1
    assert "threshold 0" not in text


def test_html_tells_verdicts_by_word_and_needs_no_other_file(verdicts: pd.DataFrame) -> None:
    page = write.html(verdicts)
    for word in judge.VERDICTS:
        assert f'<span class="verdict {word.replace(" ", "-")}">{word}</span>' in page
        assert f".{word.replace(' ', '-')} {{ color:" in page
    assert "a &lt; b &amp; c | d" in page
    assert '<html lang="en">' in page
    assert not re.search(r"<[^>]* (src|href)=", page)


def test_other_endings_are_refused(tmp_path: Path, verdicts: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"must end in one of .csv, .md, .html"):
        write.write(verdicts, [tmp_path / "claims.tex"])
