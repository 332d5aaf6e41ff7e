"""The tuning rule: what is chosen from trials, and when the grid grows."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from zowarmup.common.errors import UserError
from zowarmup.plan import earlier_trials
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.tuning_rule import Trial, choose, product, wider


def trials(*rows: tuple[Sequence[float | None], float], axis: str = "1.lr") -> list[Trial]:
    """Candidates 0.1, 0.2, ... each with its accuracies on seeds 0, 1, ... and its late mean."""
    return [
        Trial({axis: (i + 1) / 10}, seed, accuracy, late if accuracy is not None else None, 1.0)
        for i, (accuracies, late) in enumerate(rows)
        for seed, accuracy in enumerate(accuracies)
    ]


@pytest.mark.parametrize(
    ("rows", "rate"),
    [
        ([([0.5], 0), ([0.7], 0), ([0.6], 0)], 0.2),
        ([([0.9, 0.1], 0), ([0.6, 0.6], 0)], 0.2),  # the mean over seeds
        ([([0.9, None], 0), ([0.6, 0.6], 0)], 0.2),  # one diverged trial rules a candidate out
        ([([0.600], 0.5), ([0.604], 0.4)], 0.1),  # half a point is a tie: the late mean decides
        ([([0.600], 0.5), ([0.606], 0.4)], 0.2),
        ([([0.604], 0.5), ([0.600], 0.5)], 0.1),  # then the smaller rate
        ([([0.600], 0.5), ([0.604], 0.5)], 0.1),
    ],
)
def test_the_rule_of_choice(rows: list[tuple[list[float | None], float]], rate: float) -> None:
    assert choose(trials(*rows), 0.1).rates == {"1.lr": rate}


def test_equals_are_told_apart_by_the_rate_of_the_last_phase() -> None:
    made = [
        Trial({"1.lr": 0.1, "2.lr": 0.3}, 0, 0.5, 0.5, 1.0),
        Trial({"1.lr": 0.3, "2.lr": 0.1}, 0, 0.5, 0.5, 1.0),
    ]
    assert choose(made, 0.1).rates == {"1.lr": 0.3, "2.lr": 0.1}


def test_a_candidate_is_known_in_any_order_of_its_rates() -> None:
    """A journal sorts them, so that a resumed selection has them in two orders."""
    made = [
        Trial({"1.lr": 0.1, "1.client_lr": 0.3}, 0, 0.9, 0.9, 1.0),
        Trial({"1.client_lr": 0.3, "1.lr": 0.1}, 1, 0.1, 0.1, 1.0),
        Trial({"1.lr": 0.2, "1.client_lr": 0.3}, 0, 0.6, 0.6, 1.0),
        Trial({"1.client_lr": 0.3, "1.lr": 0.2}, 1, 0.6, 0.6, 1.0),
    ]
    choice = choose(made, 0.1)
    assert (choice.rates, choice.tried) == ({"1.lr": 0.2, "1.client_lr": 0.3}, 2)


def test_the_loss_never_decides() -> None:
    made = [Trial({"1.lr": 0.1}, 0, 0.5, 0.5, 0.1), Trial({"1.lr": 0.2}, 0, 0.6, 0.6, 9.0)]
    assert choose(made, 0.1).rates == {"1.lr": 0.2}


def test_nothing_to_choose_from_is_a_clear_error() -> None:
    with pytest.raises(UserError, match=r"learning rates \[0.1, 0.2\] diverged; add smaller ones$"):
        choose(trials(([None, 0.5], 0.5), ([0.5, None], 0.5)), 0.1)


@pytest.mark.parametrize(
    ("accuracies", "trains"),
    [([0.1, 0.1, 0.1], False), ([0.1, 0.3], False), ([0.2, 0.21], True), ([0.05, 0.06], False)],
)
def test_a_method_that_only_guesses_is_told(accuracies: list[float], trains: bool) -> None:
    assert choose(trials((accuracies, 0.1)), 0.1).trains is trains


def test_a_best_rate_at_the_edge_adds_the_next_one_at_the_same_ratio() -> None:
    made = [Trial({"1.lr": lr}, 0, a, a, 1.0) for lr, a in ((0.03, 0.4), (0.1, 0.6), (0.3, 0.7))]
    choice = choose(made, 0.1)
    assert choice.edges == ("1.lr",)
    assert wider(made, choice) == [{"1.lr": 0.9}]
    inside = choose([*made[:2], Trial({"1.lr": 0.3}, 0, 0.5, 0.5, 1.0)], 0.1)
    assert (inside.edges, wider(made, inside)) == ((), [])


def test_an_edge_of_one_axis_adds_all_candidates_of_the_other() -> None:
    grid = product({"1.lr": [0.1, 0.3, 1.0], "2.lr": [0.01, 0.02]})
    best = {"1.lr": 0.3, "2.lr": 0.02}
    made = [Trial(rates, 0, 0.5 + (rates == best), 0.5, 1.0) for rates in grid]
    more = wider(made, choose(made, 0.1))
    assert more == [{"1.lr": lr, "2.lr": 0.04} for lr in (0.1, 0.3, 1.0)]


def test_a_corner_adds_a_whole_frame() -> None:
    grid = product({"1.lr": [0.1, 0.3], "2.lr": [0.01, 0.02]})
    made = [Trial(rates, 0, 0.5 + (rates == grid[0]), 0.5, 1.0) for rates in grid]
    more = wider(made, choose(made, 0.1))
    assert len(more) == len({tuple(rates.values()) for rates in more}) == 5
    assert {rates["1.lr"] for rates in more} == {0.033, 0.1, 0.3}


def test_a_candidate_one_step_below_one_that_diverges_is_out() -> None:
    """0.2 is best, but 0.3 diverges on one seed."""
    made = trials(([0.6, 0.6], 0.6), ([0.7, 0.8], 0.7), ([None, 0.9], 0.9))
    assert choose(made, 0.1).rates == {"1.lr": 0.1}


def test_one_step_means_one_rate_with_the_others_equal() -> None:
    """(0.3, 0.1) diverges: (0.1, 0.1) is one step below it, (0.1, 0.03) is two."""
    accuracies = {(0.1, 0.03): 0.6, (0.1, 0.1): 0.9, (0.3, 0.03): 0.5, (0.3, 0.1): None}
    made = [
        Trial({"1.lr": first, "2.lr": second}, 0, accuracy, accuracy, 1.0)
        for (first, second), accuracy in accuracies.items()
    ]
    assert choose(made, 0.1).rates == {"1.lr": 0.1, "2.lr": 0.03}


def test_where_all_stand_at_the_cliff_the_best_of_them_counts() -> None:
    made = trials(([0.6, 0.6], 0.6), ([None, 0.9], 0.9))
    assert choose(made, 0.1).rates == {"1.lr": 0.1}


def test_a_file_of_trials_gives_the_choice_again(tmp_path: Path) -> None:
    made = trials(([0.5, 0.4], 0.4), ([0.7, 0.8], 0.7), ([0.1, 0.1], 0.1), ([None, 0.9], 0.9))
    file = tmp_path / "trials.csv"
    earlier_trials.write(file, [("zowarmup", "abc", 0.1, trial) for trial in made])
    kept = EarlierTrials(file)
    assert kept.rates("abc") is None  # before a check
    kept.check("abc", "zowarmup", {"1.lr": [0.1, 0.2, 0.3, 0.4]}, [0, 1])
    assert kept.choices == {"abc": choose(made, 0.1)}
    assert kept.rates("abc") == {"1.lr": 0.2}
    kept.check("of other settings", "zowarmup", {"1.lr": [0.1]}, [0])
    assert kept.rates("of other settings") is None


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "decides,chance\nabc,0.1\n"])
def test_a_file_of_no_trials_is_a_clear_error(text: str, tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text(text)
    with pytest.raises(UserError, match=r"trials\.csv"):
        EarlierTrials(tmp_path / "trials.csv")
