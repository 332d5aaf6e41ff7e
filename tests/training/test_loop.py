"""Rounds: the clients that take part in one, and the loss at which training has diverged."""

import math
from dataclasses import replace
from typing import Any

import pytest
import small_runs
from small_runs import SEEDS, Spec, fedavg, steps_of, zo
from torch import Tensor

from zowarmup.common.seeds import Seeds
from zowarmup.training import evaluate, loop
from zowarmup.training.context import Context
from zowarmup.training.metrics_row import Measured


@pytest.mark.parametrize("phase", [fedavg, zo])
@pytest.mark.parametrize("clients", ["all", "high", "low"])
@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_cohorts_are_a_function_of_seed_and_round(
    context: Context, phase: Any, clients: str, participation: float
) -> None:
    settings = phase(participation=participation, clients=clients)
    tier = context.tiers[clients]
    cohorts = [small_runs.cohort(context, settings, t, SEEDS).clients for t in range(60)]
    assert {len(cohort) for cohort in cohorts} == {max(1, round(participation * len(tier)))}
    assert all(sorted(set(cohort)) == list(cohort) for cohort in cohorts)
    assert {client for cohort in cohorts for client in cohort} == set(tier)
    backwards = [
        small_runs.cohort(context, settings, t, SEEDS).clients for t in reversed(range(60))
    ]
    assert backwards[::-1] == cohorts
    pinned = Seeds.of(99, {"federation": SEEDS.federation})
    assert [small_runs.cohort(context, settings, t, pinned).clients for t in range(60)] == cohorts


@pytest.mark.parametrize("phase", [fedavg(participation=0.5, clients="all"), zo(participation=0.1)])
def test_absent_clients_compute_nothing(
    context: Context, pivot: Tensor, phase: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for name in ("local_sgd", "two_point"):
        method = getattr(context.engine, name)

        def noting(w: Tensor, clients: Any, *rest: Any, method: Any = method, **more: Any) -> Any:
            asked.append(tuple(clients))
            return method(w, clients, *rest, **more)

        monkeypatch.setattr(context.engine, name, noting)
    steps = list(steps_of(context, phase, pivot))
    assert asked == [small_runs.cohort(context, phase, step.t, SEEDS).clients for step in steps]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(2.3, False), (23.0, False), (23.1, True), (math.nan, True), (math.inf, True)],
)
def test_diverged_means_ten_times_the_loss_of_guessing(
    context: Context, loss: float, expected: bool
) -> None:
    """10 log 10 = 23.03; it is the loss of those who train that counts."""
    fitted = Measured(1.0, 0.0, *[0.0] * 3, *[1.0] * 3, 0.0, ())
    phases = {tier: small_runs.ready(context, zo(clients=tier)) for tier in ("all", "high", "low")}
    for tier, name in (("all", "train_loss"), ("low", "train_loss_low")):
        measured = replace(fitted, **{name: loss})
        assert loop.diverged(context, measured.loss_of(phases[tier].tier)) is expected
        assert not loop.diverged(context, measured.loss_of(phases["high"].tier))


def test_a_row_measures_every_tier_on_its_own_data(context: Context, pivot: Tensor) -> None:
    """All is the mean of the tiers weighted by their images, for losses and for accuracies."""
    row = evaluate.evaluate(context, pivot)
    images = {tier: sum(context.sizes[i] for i in context.tiers[tier]) for tier in context.tiers}
    for name in ("loss", "accuracy"):
        tiers = sum(images[tier] * getattr(row, f"train_{name}_{tier}") for tier in ("high", "low"))
        assert getattr(row, f"train_{name}") == pytest.approx(tiers / images["all"], rel=1e-12)
    x, y = context.train.x(), context.train.y
    right = (context.model.logits(pivot, x).argmax(1) == y).double().mean().item()
    assert row.train_accuracy == pytest.approx(right)
