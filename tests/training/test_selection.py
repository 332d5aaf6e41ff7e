"""Trials: whole methods, trained on tuning seeds and judged on held-out images."""

import json
import shutil
from pathlib import Path

import pytest
from small_runs import (
    SEEDS,
    at,
    fedavg,
    finish,
    last_of,
    phase_of,
    spec_of,
    steps_of,
    trial,
    tried,
    warm_up,
    zo,
)
from torch import Tensor

from zowarmup.plan.specs import RunSpec
from zowarmup.plan.tuning_rule import Trial, choose
from zowarmup.storage import selection_json
from zowarmup.training import evaluate
from zowarmup.training import selection as select
from zowarmup.training.context import Context

METHOD = fedavg(10), zo(20)


@pytest.fixture
def initial(context: Context) -> Tensor:
    return context.model.initial(SEEDS.initialisation)


def test_a_trial_trains_the_whole_method(context: Context, initial: Tensor, tmp_path: Path) -> None:
    """The same model as a warm-up and the run that starts from its snapshot."""
    [row] = tried(context, trial(*METHOD, lr_1=[0.1], lr_2=[0.03]), initial, tmp_path)
    warm_up(context, tmp_path / "warm", 10)
    pivot = at(context, tmp_path / "warm", 10)
    w = finish(context, spec_of(*METHOD), pivot, tmp_path / "run").w
    loss, accuracy = evaluate.heldout(context, w)
    assert (row["loss"], row["accuracy"]) == (loss, accuracy)
    assert (row["rates"], row["seed"]) == ({"1.lr": 0.1, "2.lr": 0.03}, 3)


def test_late_is_the_mean_over_the_last_rounds(
    context: Context, initial: Tensor, tmp_path: Path
) -> None:
    [row] = tried(context, trial(fedavg(70), lr_1=[0.1]), initial, tmp_path)
    models = [step.w for step in steps_of(context, fedavg(70), initial, first=1)]
    late = [evaluate.heldout(context, models[t - 1])[1] for t in (30, 40, 50, 60, 70)]
    assert row["late"] == pytest.approx(sum(late) / 5)


def test_the_rates_that_learn_are_chosen(context: Context, initial: Tensor, tmp_path: Path) -> None:
    """From among rates that go nowhere and some that explode."""
    spec = trial(*METHOD, lr_1=[1e-9, 0.1, 1e30], lr_2=[0.03, 1e30])
    made = [Trial(**row) for row in tried(context, spec, initial, tmp_path)]
    assert [t.accuracy is None for t in made] == [False, True, False, True, True, True]
    assert choose(made, 0.1).rates == {"1.lr": 0.1, "2.lr": 0.03}


def test_candidates_share_the_first_phase(
    context: Context, initial: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    run = select.loop.run

    def counted(context, phase, *rest):  # type: ignore[no-untyped-def]
        trained.append(phase.number)
        return run(context, phase, *rest)

    monkeypatch.setattr(select.loop, "run", counted)
    spec = trial(*METHOD, lr_1=[0.1, 0.3], lr_2=[0.01, 0.03, 0.1])
    shared = tried(context, spec, initial, tmp_path)
    assert (trained.count(1), trained.count(2)) == (2, 6)
    alone = trial(*METHOD, lr_1=[0.3], lr_2=[0.03])
    assert tried(context, alone, initial, tmp_path / "alone") == [shared[4]]


def test_trials_go_on_where_they_were_stopped(
    context: Context, initial: Tensor, tmp_path: Path
) -> None:
    """Finished ones are read, the others resume from their journal or state."""
    spec = trial(*METHOD, lr_1=[0.1, 0.3], lr_2=[0.03, 0.1])
    whole = tried(context, spec, initial, tmp_path / "whole")
    tried(context, trial(*METHOD, lr_1=[0.1], lr_2=[0.03]), initial, tmp_path / "cut")
    state = tmp_path / "cut" / "state"
    assert (state / "trials-3.jsonl").exists()
    assert tried(context, spec, initial, tmp_path / "cut") == whole
    for folder in state.glob("pivot-*"):
        shutil.rmtree(folder)
    assert tried(context, spec, initial, tmp_path / "cut") == whole


def test_trials_are_those_of_the_candidates(
    context: Context, initial: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a kill came while the grid widened: on a resume the first grid comes again."""
    first, wider = ([0.03, 0.1], [0.03, 0.1, 0.01])
    tried(context, trial(*METHOD, lr_1=[0.1], lr_2=wider), initial, tmp_path)
    monkeypatch.setattr(select.Trials, "_trial", lambda *_: pytest.fail("trained again"))
    for rates in (first, wider, [0.01, 0.1]):
        rows = tried(context, trial(*METHOD, lr_1=[0.1], lr_2=rates), initial, tmp_path)
        assert [row["rates"]["2.lr"] for row in rows] == rates


def test_rates_are_read_phase_after_phase_in_their_order(tmp_path: Path) -> None:
    """Numbers stay as they are and take no file; a file may give several."""
    (tmp_path / "a").write_text(json.dumps({"rates": {"1.lr": 0.1, "1.client_lr": 0.2}}))
    (tmp_path / "b").write_text(json.dumps({"rates": {"3.lr": 0.3}}))
    lr, client_lr, last = (
        {"selection": name, "axis": axis}
        for name, axis in (("first", "1.lr"), ("first", "1.client_lr"), ("other", "3.lr"))
    )
    phases = [
        phase_of("fedadam") | {"client_lr": client_lr, "lr": lr},
        phase_of("fedadam", lr=0.5, client_lr=0.6),
        zo() | {"lr": last},
    ]
    spec = RunSpec.read(spec_of(*phases))
    assert spec.selections == ("first", "other")
    rated = selection_json.with_rates(spec, [tmp_path / "a", tmp_path / "b"])
    rates = [(phase.lr, phase.settings.get("client_lr")) for phase in rated.phases]
    assert rates == [(0.1, 0.2), (0.5, 0.6), (0.3, None)]


def test_more_candidates_find_the_first_phases_of_those_before(
    context: Context, initial: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a grid is widened: the trials of a seed begin in a new object."""
    few = trial(*METHOD, lr_1=[0.1], lr_2=[0.03])
    tried(context, few, initial, tmp_path)
    with caplog.at_level("INFO", "zowarmup"):
        tried(context, trial(*METHOD, lr_1=[0.1, 0.3], lr_2=[0.03]), initial, tmp_path)
    assert len([*(tmp_path / "state").glob("pivot-*")]) == 2
    assert "starting over" not in caplog.text


def test_a_trial_of_fedadam_varies_both_rates(
    context: Context, initial: Tensor, tmp_path: Path
) -> None:
    phase = phase_of("fedadam", 12, clients="high")
    spec = trial(phase, lr_1=[0.01, 0.1], client_lr_1=[0.1])
    made = tried(context, spec, initial, tmp_path)
    assert [row["rates"] for row in made] == [
        {"1.lr": lr, "1.client_lr": 0.1} for lr in (0.01, 0.1)
    ]
    expected = last_of(steps_of(context, phase | {"lr": 0.1}, initial, first=1)).w
    assert (made[1]["loss"], made[1]["accuracy"]) == evaluate.heldout(context, expected)
