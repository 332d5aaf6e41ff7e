"""A config with a file of earlier trials: their choices are numbers, and nothing is tuned again."""

import csv
import json
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from overlays import TINY, overlay

from zowarmup.common.errors import UserError
from zowarmup.config.schema import load
from zowarmup.plan import earlier_trials
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.naming import Names
from zowarmup.plan.plan import Plan, plan
from zowarmup.plan.rates import Rates
from zowarmup.plan.resolve import resolve
from zowarmup.plan.specs import Selected
from zowarmup.plan.tuning_rule import Trial, widened

JOINT = """
methods:
  zowarmup:
    phases:
      - {algorithm: fedavg, clients: high, rounds: 20}
      - {algorithm: zo, clients: all, rounds: 40}
"""
RATES = {"high_res_only": {"1.lr": 0.1}, "zowarmup": {"1.lr": 0.1, "2.lr": 0.03}}
WITH_TRIALS = "selection: {trials: trials.csv}\n"


def digests(file: Path) -> dict[str, str]:
    """What decides the selections of the methods of a config, by name."""
    config = load([file])
    rates = Rates(config, Names(), {}, {}, EarlierTrials())
    for method in config.methods:
        list(rates.phases(method, {}, resolve(config, method, {})))
    return rates.digests


def with_trials(folder: Path, text: str = "", names: tuple[str, ...] = (*RATES,)) -> Path:
    """A config whose selections have earlier trials, in which RATES are the best."""
    known, file = digests(overlay(folder, JOINT)), folder / "trials.csv"
    rows = [
        (name, known[name], 0.1, trial)
        for name in names
        for trial in trials_of(RATES[name], partial(accuracy_if_best, RATES[name]))
    ]
    earlier_trials.write(file, rows)
    return overlay(folder, JOINT + WITH_TRIALS + text)


def trials_of(axes: Iterable[str], accuracy: Callable[[dict[str, float]], float]) -> list[Trial]:
    """The trials of a grid of two rates an axis, whose best lies at an edge, so it is widened."""

    def try_all(candidates: list[dict[str, float]]) -> tuple[list[Trial], float]:
        accuracies = [(rates, accuracy(rates)) for rates in candidates]
        return [Trial(rates, 0, a, a, 1.0) for rates, a in accuracies], 0.1

    return widened(dict.fromkeys(axes, (0.03, 0.1)), try_all)[0]


def accuracy_if_best(best: dict[str, float], rates: dict[str, float]) -> float:
    """An accuracy by which one candidate wins."""
    return 0.9 if rates == best else 0.5


def rates_of(made: Plan) -> dict[str, list[float | Selected]]:
    return {name: [phase.lr for phase in run.phases] for name, run in made.runs.items()}


def test_earlier_trials_give_the_rates_as_numbers(tmp_path: Path) -> None:
    """So nothing is tuned, and two methods that got one rate share a warm-up."""
    made = plan([str(with_trials(tmp_path))])
    assert made.selections == {}
    assert rates_of(made) == {"high_res_only": [0.1], "zowarmup": [0.1, 0.03]}
    assert list(made.warmups) == ["fedavg-high"]
    assert {run.warmup for run in made.runs.values()} == {"fedavg-high"}
    tuned = plan([str(overlay(tmp_path, JOINT))])
    assert [*tuned.warmups] == ["fedavg-high", "fedavg-high-for-zowarmup"]


def test_a_config_elsewhere_extends_one_with_trials(tmp_path: Path) -> None:
    """The file lies beside the config that names it, as that of config/config.yaml does."""
    own = tmp_path / "mine" / "own.yaml"
    own.parent.mkdir()
    own.write_text(f"extends: {with_trials(tmp_path)}\nname: own\n")
    assert rates_of(plan([str(own)])) == {"high_res_only": [0.1], "zowarmup": [0.1, 0.03]}


def test_warmups_of_two_rates_have_them_in_their_names(tmp_path: Path) -> None:
    """The first keeps the short name."""
    text = JOINT.replace("rounds: 20", "rounds: 20, lr: 0.1").replace(
        "rounds: 40", "rounds: 40, lr: 1"
    )
    text += "  high_res_only: {phases: [{algorithm: fedavg, clients: high, rounds: 60, lr: 0.3}]}\n"
    made = plan([str(overlay(tmp_path, text))])
    assert [*made.warmups] == ["fedavg-high", "fedavg-high-lr0.1"]


def test_a_file_beside_the_config_agrees_with_a_config_without_one(tmp_path: Path) -> None:
    """The numbers stand where the selections stood; all else is the same."""
    short, full = plan([str(with_trials(tmp_path))]), plan([str(overlay(tmp_path, JOINT))])
    assert short.runs.keys() == full.runs.keys()
    for name, run in full.runs.items():
        assert run.with_rates(RATES).phases == short.runs[name].phases


@pytest.mark.parametrize(
    "text",
    [
        "algorithms: {zo: {S: 7}}",
        "selection: {grid: {zo: [0.03, 0.2]}, trials: trials.csv}",
        "selection: {seeds: [1], trials: trials.csv}",
        "datasets: {digits: {images_train: 200}}",
        "federations: {default: {alpha: 0.1}}",
        "split: 50/50",
        "width: 2",
    ],
)
def test_trials_of_other_settings_are_not_used(tmp_path: Path, text: str) -> None:
    file = with_trials(tmp_path)
    file.write_text(f"extends: {TINY}\n{JOINT}{'' if 'trials' in text else WITH_TRIALS}{text}\n")
    made = plan([str(file)])
    assert "zowarmup" in made.selections
    assert made.runs["zowarmup"].phases[1].lr == Selected(selection="zowarmup", axis="2.lr")


@pytest.mark.parametrize(
    "text",
    [
        "evaluate_every: 5",
        "snapshot_every: 20",
        "seeds: 7",
        "datasets: {digits: {images_test: 50}}",
        "studies: {main: {methods: [zowarmup, high_res_only]}}",
    ],
)
def test_settings_that_change_no_trial_keep_the_trials(tmp_path: Path, text: str) -> None:
    assert plan([str(with_trials(tmp_path, text))]).selections == {}


def test_what_no_run_needs_any_more_is_not_tuned(tmp_path: Path) -> None:
    """The trials of a selection that had waited for another one stand for both."""
    text = "studies: {main: {methods: [zowarmup]}}"
    borrowed = "algorithms: {fedavg: {lr: {same_as: high_res_only}}}\n"
    other = (
        "  high_res_only: {phases: [{algorithm: fedavg, clients: high, rounds: 60, lr: select}]}"
    )
    file = overlay(tmp_path, f"{borrowed}{JOINT}{other}\n{text}")
    assert list(plan([str(file)]).selections) == ["high_res_only", "zowarmup"]
    decides = digests(file)
    first = trials_of(["2.lr"], partial(accuracy_if_best, {"2.lr": 0.1}))
    rows = [("zowarmup", decides["zowarmup"], 0.1, trial) for trial in first]
    second = trials_of(["1.lr"], lambda rates: min(rates["1.lr"], 0.9))  # widened twice
    rows += [("high_res_only", decides["high_res_only"], 0.1, trial) for trial in second]
    file.write_text(file.read_text() + WITH_TRIALS)
    earlier_trials.write(tmp_path / "trials.csv", rows[: len(first)])
    half = plan([str(file)])
    assert rates_of(half)["zowarmup"] == [Selected(selection="high_res_only", axis="1.lr"), 0.1]
    assert list(half.selections) == ["high_res_only"]
    earlier_trials.write(tmp_path / "trials.csv", rows)
    whole = plan([str(file)])
    assert (rates_of(whole)["zowarmup"], whole.selections) == ([1.1, 0.1], {})


def test_a_file_cut_between_two_rows_is_one_clear_error(tmp_path: Path) -> None:
    """It would choose from fewer trials than were made; the last ones are of a widened grid."""
    file = with_trials(tmp_path)
    trials = tmp_path / "trials.csv"
    lines = trials.read_text().splitlines(keepends=True)
    assert set(json.loads(next(csv.reader(lines[-1:]))[3]).values()) - {0.03, 0.1}
    trials.write_text("".join(lines[:-1]))
    with pytest.raises(
        UserError, match=r"trials\.csv: zowarmup: the trial of .* on seed 0 is miss"
    ):
        plan([str(file)])


def test_one_method_s_trials_leave_the_other_to_be_tuned(tmp_path: Path) -> None:
    made = plan([str(with_trials(tmp_path, names=("zowarmup",)))])
    assert list(made.selections) == ["high_res_only"]
    assert rates_of(made)["zowarmup"] == [0.1, 0.03]


def test_a_missing_file_of_trials_is_one_clear_error(tmp_path: Path) -> None:
    file = overlay(tmp_path, "selection: {trials: nowhere.csv}")
    with pytest.raises(UserError) as caught:
        plan([str(file)])
    sentence = str(caught.value)
    assert sentence.startswith("selection.trials: nowhere.csv: no such file in ")
    assert str(tmp_path) in sentence
    assert "\n" not in sentence
