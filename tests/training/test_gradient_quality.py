"""Drift and gradient cosine of a row, against theory and against backpropagation in one batch."""

import math

import pytest
import small_runs
import torch
from small_runs import SEEDS, phase_of, spec_of, steps_of, zo
from torch import Tensor

from zowarmup.common.seeds import Seeds
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.plan.specs import RunSpec
from zowarmup.training import context as contexts
from zowarmup.training import loop
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs


@pytest.mark.parametrize("algorithm", ["zo", "zo_adam", "zo_local", "fedkseed"])
@pytest.mark.parametrize("clients", ["all", "low"])
def test_the_gradient_cosine_by_backpropagation_in_one_batch(
    context: Context, pivot: Tensor, algorithm: str, clients: str
) -> None:
    """Between w - w' and the gradient of the mean loss over the images of the phase's clients."""
    phase = phase_of(algorithm, 3, clients=clients)
    parts = context.train.split(context.sizes)
    members = [parts[i] for i in context.tiers[clients]]
    x, y = torch.cat([part.x() for part in members]), torch.cat([part.y for part in members])
    before = pivot
    for step in steps_of(context, phase, pivot):
        w = before.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(context.model.logits(w, x), y)
        g = torch.autograd.grad(loss, w)[0].double()
        taken = (before - step.w).double()
        expected = torch.nn.functional.cosine_similarity(g, taken, dim=0).item()
        found = small_runs.row_of(context, phase, step)["gradient_cosine"]
        assert found == pytest.approx(expected, rel=1e-4)
        before = step.w
    assert abs(found) > 1e-4


def test_many_directions_give_the_direction_of_the_gradient(
    data: Dataset, dealt: Federation
) -> None:
    """With S shared directions the cosine is sqrt(S / (S + d - 1)) to a few percent.

    The squared length of a mean of S estimates is |g|^2 (1 + (d - 1) / S), its part along g is g.
    """
    narrow = contexts.assemble(
        RunSpec.read(spec_of(zo(), width=0.03125)), data, dealt
    )  # one hidden unit, d = 85
    w, d = narrow.model.initial(SEEDS.initialisation), narrow.model.d
    assert d == 64 + 1 + 10 + 10
    for S, tolerance in ((50, 0.15), (500, 0.03), (5000, 0.003)):
        phase = zo(1, S=S, shared_directions=True, estimator="directional", lr=0.1)
        [step] = steps_of(narrow, phase, w)
        cosine = small_runs.row_of(narrow, phase, step)["gradient_cosine"]
        assert cosine == pytest.approx(math.sqrt(S / (S + d - 1)), rel=tolerance)
    assert cosine > 0.99


def test_directions_of_their_own_lose_what_clients_gradients_differ_by(
    data: Dataset, dealt: Federation
) -> None:
    """The squared error is then B^2 (d - 1) / P |g|^2; B^2 itself by one gradient a client."""
    narrow = contexts.assemble(RunSpec.read(spec_of(zo(), width=0.03125)), data, dealt)
    w, d = narrow.model.initial(SEEDS.initialisation), narrow.model.d
    each, total = [], sum(narrow.sizes)
    for images in narrow.train.split(narrow.sizes):
        x, y = images.x(), images.y
        leaf = w.clone().requires_grad_()
        loss = torch.nn.functional.cross_entropy(narrow.model.logits(leaf, x), y)
        each.append((len(y) / total, torch.autograd.grad(loss, leaf)[0].double()))
    g = sum(p * g_i for p, g_i in each)
    expected = sum(p * (g_i @ g_i) for p, g_i in each) / (g @ g)
    phase, rows = zo(1, S=300, estimator="directional", lr=0.1), []
    for seed in range(20):  # one draw of the error is that of some 85 squares: 15 percent off
        seeds = Seeds(0, 0, seed)
        own = small_runs.ready(narrow, phase, after=0)
        [step] = loop.run(narrow, own, loop.begin(narrow, own, w, Costs()), seeds)
        rows.append(small_runs.row_of(narrow, phase, step))
    assert rows[0]["dissimilarity"] == pytest.approx(expected.item(), rel=1e-4)
    assert expected > 1.5  # else nothing would be tested
    errors = [1 / row["gradient_cosine"] ** 2 - 1 for row in rows]
    theory = expected.item() * (d - 1) / (300 * len(narrow.sizes))
    assert sum(errors) / len(errors) == pytest.approx(theory, rel=0.1)


def test_rounds_in_which_models_travel_have_no_cosine(context: Context) -> None:
    w = context.model.initial(SEEDS.initialisation)
    for algorithm in ("fedavg", "fedadam", "heterofl", "zo_mixed"):
        phase = phase_of(algorithm, 1)
        [step] = steps_of(context, phase, w, first=1)
        row = small_runs.row_of(context, phase, step)
        assert math.isnan(row["gradient_cosine"])
        assert math.isnan(row["drift"])
