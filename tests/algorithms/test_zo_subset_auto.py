"""The subset of the parameters in which trial steps gain most."""

import math
from dataclasses import replace

import pytest
import torch
import toys
from torch import Tensor

from zowarmup.algorithms.rounds import Cohort, RecordError, RoundRecord
from zowarmup.algorithms.trial_steps import MULTIPLES, Gain, losses, measure
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_subset import ZOSubset
from zowarmup.algorithms.zo_subset_auto import ALL, OfGains, ZOSubsetAuto, best
from zowarmup.common.seeds import Seeds
from zowarmup.models import loss
from zowarmup.storage import journal

SEEDS = Seeds(0, 5, 3)
COHORT = Cohort((0, 1), (6, 10), frozenset({1}))
ENGINE = toys.named(6, 10, hidden=5)
METHOD = ZOSubsetAuto(lr=0.05, eps=1e-3).of_model(ENGINE.model)
W = toys.random(ENGINE.d, name="w")


def loss_of(w: Tensor) -> float:
    """The mean loss of all images, by the network alone."""
    sums = [loss.total(ENGINE.model.logits(w, x.x()), x.y).item() for x in ENGINE.data]
    return float(sum(sums) / sum(COHORT.sizes))


def test_losses_are_those_of_the_network() -> None:
    weighted = sum(p * x for p, x in zip(COHORT.weights, losses(ENGINE, (0, 1), W), strict=True))
    assert float(weighted) == pytest.approx(loss_of(W), rel=1e-6)


def test_a_gain_by_hand() -> None:
    """Three rounds from w, each along directions of its own, at each multiple of the rate."""
    steps: list[Tensor] = []

    class Kept(ZO):
        def round(self, state, t, cohort, engine, seeds):  # type: ignore[no-untyped-def]
            new, report = super().round(state, t, cohort, engine, seeds)
            steps.append(new.w - W)
            return new, report

    method = Kept(lr=0.05, eps=1e-3)
    gain = measure({ALL: method}, W, 1, COHORT, ENGINE, SEEDS, M=3)[ALL]
    assert len({tuple(step.tolist()) for step in steps}) == 3
    means = [sum(loss_of(W) - loss_of(W + k * s) for s in steps) / 3 for k in MULTIPLES]
    assert gain.gain == pytest.approx(max(means), rel=1e-3)
    assert gain.multiple == MULTIPLES[means.index(max(means))]


def test_a_subset_trains_at_its_multiple_of_the_rate() -> None:
    measured = {ALL: Gain(1.0, 3), "last_layer": Gain(2.0, 30)}
    assert best(measured, 0.1) == ("last_layer", 0.1 * (30 / 3))
    assert best(measured | {ALL: Gain(4.0, 3)}, 0.1) == (ALL, 0.1)


def test_all_parameters_train_if_no_step_gains() -> None:
    assert best({ALL: Gain(-1.0, 1), "last_layer": Gain(-0.5, 10)}, 0.1) == (ALL, 0.1)


def test_a_model_that_has_diverged_promises_nothing() -> None:
    lost = torch.full_like(W, torch.inf)
    measured = measure(METHOD.subsets, lost, 1, COHORT, ENGINE, SEEDS, M=1)
    assert {one.gain for one in measured.values()} == {-math.inf}
    assert best(measured, 0.1) == (ALL, 0.1)


def test_a_record_without_a_subset_does_not_fit_the_phase() -> None:
    record = replace(rounds(METHOD, 1)[0], subset=None)
    with pytest.raises(RecordError, match="does not fit the phase"):
        journal.applied(METHOD.begin(W), record, METHOD, SEEDS)


def rounds(method: OfGains, count: int) -> list[RoundRecord]:
    state, records = method.begin(W), []
    for t in range(1, count + 1):
        state, report = method.round(state, t, COHORT, ENGINE, SEEDS)
        assert report.record is not None
        records.append(report.record)
    return records


def test_only_the_first_round_measures_and_all_train_its_choice() -> None:
    first, *others = rounds(METHOD, 3)
    assert first.gains is not None
    assert first.subset == max(first.gains, key=first.gains.__getitem__)
    assert [one.gains for one in others] == [None, None]
    assert {one.subset for one in others} == {first.subset}
    assert {one.lr for one in others} == {first.lr}


def test_a_step_is_that_of_zo_subset_at_the_rate_of_the_record() -> None:
    state, report = METHOD.round(METHOD.begin(W), 1, COHORT, ENGINE, SEEDS)
    assert report.record is not None
    subset, lr = report.record.subset, report.record.lr
    plain = ZOSubset(lr=lr, eps=1e-3, parameters=subset)  # type: ignore[arg-type]
    own = plain.of_model(ENGINE.model)
    expected, _ = own.round(own.begin(W), 1, COHORT, ENGINE, SEEDS)
    assert torch.equal(state.w, expected.w)


def test_costs_of_measuring_by_hand() -> None:
    """Three subsets of 4 steps: each S scalars and 5 losses; and one loss before all of them."""
    _, report = METHOD.round(METHOD.begin(W), 1, COHORT, ENGINE, SEEDS)
    steps = 3 * 4
    assert report.bytes_up == [4 * (3 + steps * (3 + 5) + 1)] * 2
    assert report.bytes_down == [4 * 6 * (1 + steps)] * 2
    assert report.record_bytes == 4 * 6
    assert report.forward == 16 * (2 * 3 * (1 + steps) + 5 * steps + 1)
    assert report.backward == 0
