"""Probes along a warm-up against exact gradients and Hessians, their costs, and resuming."""

import math
from pathlib import Path

import pytest
import torch
from small_runs import ALL, SEEDS, fedavg, ready, spec_of, trajectory

from zowarmup.analysis import cost_formulas
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.plan.pivots.probe import Probe, ProbesSpec
from zowarmup.plan.specs import RunSpec
from zowarmup.training import context as contexts
from zowarmup.training import curvature, probes, resume_state
from zowarmup.training.context import Context
from zowarmup.training.evaluate import evaluate, heldout
from zowarmup.training.gradient_quality import gradient

approx = pytest.approx
MANY = 400  # directions


def settings(directions: int = 4, every: int = 5, last: int = ALL) -> ProbesSpec:
    return ProbesSpec(every=every, directions=directions, eps=1e-3, last=last)


def probe_of(context: Context, w: torch.Tensor, directions: int, t: int = 10) -> Probe:
    phase = ready(context, fedavg(), after=0)
    return probes.probe(context, phase, settings(directions), SEEDS, t, w)


def test_estimates_are_near_the_exact_values(context: Context, pivot: torch.Tensor) -> None:
    """Within four standard errors, and these errors are small with many directions.

    ReLU's kinks bend the loss between the points of a second difference, and a Hessian lacks them.
    """
    one = probe_of(context, pivot, MANY)
    exact = curvature.curvature(context, pivot, seed=3, t=0)
    for name, true, error in (
        ("gradient_square", exact.gradient_square, 0.0),
        ("dissimilarity", exact.dissimilarity, 0.0),
        ("trace", exact.trace, exact.trace_error + 0.05 * exact.trace),
    ):
        own = getattr(one, f"{name}_error")
        assert abs(getattr(one, name) - true) < 4 * math.hypot(own, error), name
        assert own < 0.25 * abs(true), name


def test_the_curvature_is_exact_along_the_warm_up_s_gradient(
    context: Context, pivot: torch.Tensor
) -> None:
    h = gradient(context, context.tiers["high"], pivot)[0].float()
    (Hh,) = curvature.hessian(context, pivot)(h[None])
    true = ((h @ Hh) / (h @ h)).item()
    one = probe_of(context, pivot, 2)
    assert one.curvature == approx(true, rel=0.02)
    assert one.curvature <= 1.01 * curvature.curvature(context, pivot, 3, 0).top


def test_standard_errors_shrink_with_the_directions(context: Context, pivot: torch.Tensor) -> None:
    few, many = (probe_of(context, pivot, S) for S in (25, MANY))
    for name in ("gradient_square_error", "dissimilarity_error", "trace_error"):
        assert getattr(few, name) / getattr(many, name) == approx((MANY / 25) ** 0.5, rel=0.6)


def test_losses_and_accuracies_are_those_of_an_evaluation(
    context: Context, pivot: torch.Tensor
) -> None:
    one, measured = probe_of(context, pivot, 2), evaluate(context, pivot)
    assert one.loss == approx(measured.train_loss, rel=1e-5)
    assert one.loss_high == approx(measured.train_loss_high, rel=1e-5)
    assert one.loss_low == approx(measured.train_loss_low, rel=1e-5)
    assert one.heldout == heldout(context, pivot)[1]
    high, low = (sum(context.heldout_sizes[i] for i in context.tiers[t]) for t in ("high", "low"))
    mean = (high * one.heldout_high + low * one.heldout_low) / (high + low)
    assert mean == approx(one.heldout)


def test_directions_depend_on_seed_and_round(context: Context, pivot: torch.Tensor) -> None:
    first = probe_of(context, pivot, 4)
    assert probe_of(context, pivot, 4) == first
    assert probe_of(context, pivot, 4, t=15).trace != first.trace


@pytest.mark.parametrize("directions", [0, 4])
@pytest.mark.parametrize("participation", [1.0, 0.5])
def test_costs_are_those_of_the_formula(
    context: Context, directions: int, participation: float
) -> None:
    phase = ready(context, fedavg(participation=participation), after=0)
    counted = probes.costs(context, phase, directions)
    high, every = len(context.tiers["high"]), len(context.tiers["all"])
    away = every - high * (participation == 1)
    n, m = context.sizes[0], context.heldout_sizes[0]
    cost = cost_formulas.probes(directions, context.model.d, every, high, away, n, m)
    assert (counted["bytes_up"], counted["bytes_down"]) == (cost.up, cost.down)
    assert (counted["forward_passes"], counted["backward_passes"]) == (cost.forward, cost.backward)
    low = 4 * context.model.d * (1 + (directions > 0)) * len(context.low)
    assert counted["bytes_down_low"] == low


def test_without_directions_only_losses_are_measured(context: Context, pivot: torch.Tensor) -> None:
    one = probe_of(context, pivot, 0)
    assert math.isnan(one.trace)
    assert one.loss == probe_of(context, pivot, 2).loss


def snapshots(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / "snapshots").iterdir())]


def test_probes_change_no_bit_of_the_warm_up(context: Context, tmp_path: Path) -> None:
    plain = trajectory(context, tmp_path / "plain")
    probed = trajectory(context, tmp_path / "probed", probes=settings(last=20))
    assert snapshots(tmp_path / "plain") == snapshots(tmp_path / "probed")
    assert str(plain.rows) == str(probed.rows)
    assert [one.round for one in probed.probes] == [5, 10, 15, 20]
    assert plain.probes == []


@pytest.mark.parametrize("t", [5, 20])
def test_a_killed_warm_up_keeps_its_probes(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, t: int
) -> None:
    whole = trajectory(context, tmp_path / "whole", probes=settings())
    save = resume_state.ResumeState.save

    def save_and_stop(self: resume_state.ResumeState) -> None:
        at = self.latest[0].t if self.latest else None
        save(self)
        if at == t:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resume_state.ResumeState, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            trajectory(context, tmp_path / "cut", probes=settings())
    assert trajectory(context, tmp_path / "cut", probes=settings()).probes == whole.probes
    assert snapshots(tmp_path / "cut") == snapshots(tmp_path / "whole")


def test_every_engine_estimates_alike(data: Dataset, dealt: Federation) -> None:
    """Within the tolerance of two-point losses, whose second differences are small."""
    made = []
    for engine in ("plain", "batched"):
        spec = spec_of(fedavg())
        spec["engine"] = spec["engine"] | {"name": engine}
        own = contexts.assemble(RunSpec.read(spec), data, dealt)
        made.append(probe_of(own, own.model.initial(3), 4))
    for name in ("gradient_square", "dissimilarity", "curvature"):
        assert getattr(made[0], name) == approx(getattr(made[1], name), rel=0.02), name
    assert made[0].trace == approx(made[1].trace, abs=1.0)
