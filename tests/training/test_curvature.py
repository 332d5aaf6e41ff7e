"""Curvature along a warm-up against explicit Hessians, and the file of its job."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import small_runs
import texts
import torch
from small_runs import SEEDS, job_spec, phase_of, without
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.algorithms.rounds import State
from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.jobs import curvature as job
from zowarmup.models import loss
from zowarmup.storage import checkpoint
from zowarmup.training import context as contexts
from zowarmup.training import curvature
from zowarmup.training.context import Context

approx = pytest.approx


@pytest.fixture(scope="module")
def narrow(data: Dataset, dealt: Federation) -> Context:
    """One unit in each of two hidden layers, d = 87."""
    return contexts.assemble(job_spec(model="mlp2", width=0.03125), data, dealt)


def losses(context: Context, w: Tensor) -> Tensor:
    images = context.train
    return cross_entropy(context.model.logits(w, images.x()), images.y)


def test_every_quantity_against_the_explicit_hessian(
    narrow: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several batches; the trace within four of its standard errors."""
    monkeypatch.setattr(curvature, "BATCH", 100)
    w = narrow.model.initial(SEEDS.initialisation)
    H = torch.autograd.functional.hessian(lambda v: losses(narrow, v), w).double()
    g = torch.autograd.functional.jacobian(lambda v: losses(narrow, v), w)
    found = curvature.curvature(narrow, w, seed=3, t=0)
    assert found.gradient_square == approx(g.square().sum().item(), rel=1e-4)
    assert found.dissimilarity > 1.5
    assert found.top == approx(torch.linalg.eigvalsh(H)[-1].item(), rel=1e-2)
    assert found.top_change <= curvature.TOLERANCE * found.top
    assert abs(found.trace - H.trace().item()) < 4 * found.trace_error
    # The variance of one v'Hv is twice the sum of the squares beside the diagonal.
    beside = H - H.diagonal().diag()
    expected = (2 * beside.square().sum() / curvature.VECTORS).sqrt().item()
    assert found.trace_error == approx(expected, rel=0.3)
    signs = curvature.signs(3, 0, curvature.VECTORS, w)
    torch.testing.assert_close(
        curvature.hessian(narrow, w)(signs[:2]).double(), signs[:2].double() @ H
    )


def test_products_of_a_language_model_are_differences_of_gradients() -> None:
    """The fast kernels of attention have no second derivative."""
    context: Any = SimpleNamespace(model=texts.model(), train=texts.clients(6)[0])
    w = context.model.initial(0).double()
    v = torch.randn(len(w), generator=torch.Generator().manual_seed(0), dtype=w.dtype)

    def gradient(at: Tensor) -> Tensor:
        leaf = at.requires_grad_()
        of_batch = loss.mean(context.model.logits(leaf, context.train.x()), context.train.y)
        return torch.autograd.grad(of_batch, leaf)[0]

    h = 1e-5
    expected = (gradient(w + h * v) - gradient(w - h * v)) / (2 * h)
    torch.testing.assert_close(
        curvature.hessian(context, w)(v[None])[0], expected, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("eigenvalues", [(3.0, 1.0, -2.0), (2.0, 1.0, -3.0), (-1.0, -2.0, -4.0)])
def test_the_largest_eigenvalue_even_if_a_negative_one_is_larger_in_size(
    eigenvalues: tuple[float, ...],
) -> None:
    H = torch.tensor(eigenvalues).diag()
    top, change = curvature.largest(lambda rows: rows @ H, torch.ones(3))
    assert top == approx(max(eigenvalues), abs=0.02)
    assert change < 0.02


def test_of_a_matrix_of_zeros_the_largest_eigenvalue_is_zero() -> None:
    assert curvature.largest(torch.zeros_like, torch.ones(3)) == (0.0, 0.0)


def test_hutchinson_is_exact_on_a_diagonal() -> None:
    """v'Hv is the trace for every vector of signs."""
    H = torch.tensor([1.0, 2.0, -4.0]).diag()
    signs = curvature.signs(0, 0, 5, torch.zeros(3))
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert curvature.trace(lambda rows: rows @ H, signs) == approx((-1.0, 0.0))


def test_the_vectors_depend_on_seed_and_round() -> None:
    like = torch.zeros(200)
    first = curvature.signs(0, 0, 2, like)
    assert torch.equal(first, curvature.signs(0, 0, 2, like))
    for seed, t in ((1, 0), (0, 1)):
        assert not torch.equal(first, curvature.signs(seed, t, 2, like))


def test_the_job_measures_each_snapshot(
    narrow: Context, data: Dataset, dealt: Federation, tmp_path: Path
) -> None:
    """A model that has diverged has no numbers, and they stand as null in the file."""
    dataset_file.save(data, tmp_path / "dataset.npz")
    federation.save(dealt, tmp_path / "federation.json")
    w = narrow.model.initial(SEEDS.initialisation)
    for t, model in ((0, w), (5, w * torch.nan)):
        checkpoint.save(
            checkpoint.snapshot(tmp_path, t), narrow.model, State(model), narrow.about(t)
        )
    settings = {"model": "mlp2", "width": 0.03125, "phase": phase_of("fedavg", 5, clients="high")}
    spec = without(small_runs.spec_of(**settings), {"phases", "warmup"})
    job.measure(
        spec,
        3,
        [0, 5],
        "code",
        data=tmp_path / "dataset.npz",
        federation=tmp_path / "federation.json",
        snapshots=tmp_path,
        output=tmp_path / "3.json",
    )
    written = json.loads((tmp_path / "3.json").read_text())
    first, last = written["points"]
    assert first == {"round": 0} | asdict(curvature.curvature(narrow, w, 3, 0))
    assert last.pop("round") == 5
    assert set(last.values()) == {None}
    assert (written["model"], written["seed"], written["split"]) == ("mlp2", 3, "30/70")
