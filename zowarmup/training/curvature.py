"""The quantities that bound the loss that one zeroth-order round can gain, at one model.

    L, H      mean loss over the training images of all clients, and its Hessian
    g, B^2    its gradient, and how much the clients' gradients differ, see gradient_quality
    tr H      sum of the eigenvalues: mean of v'Hv over random sign vectors v
    lambda    the largest eigenvalue

A step along P directions, each tried on the images of one client, gains at best
|g|^2 / (2 (lambda + B^2 tr H / P)), if the loss is quadratic. No client computes any of this.

References: Hutchinson 1990, doi:10.1080/03610919008812866 (the trace); Malladi et al. 2023,
arXiv:2305.17333 (the loss of zeroth-order steps by the trace of H).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from zowarmup.common import seeds
from zowarmup.models import loss
from zowarmup.models.directions import Directions, child
from zowarmup.training.context import Context
from zowarmup.training.gradient_quality import gradient

BATCH = 512  # images per pass, fixed because the bits depend on it
VECTORS = 256  # random vectors of the trace
TOLERANCE, ITERATIONS = 1e-3, 200  # of the power iteration: relative change, longest run

Product = Callable[[Tensor], Tensor]  # rows v -> rows Hv


@dataclass(frozen=True)
class Curvature:
    """The quantities at one model; NaN where the model has diverged.

    Attributes:
        gradient_square: |g|^2.
        dissimilarity: B^2.
        trace, trace_error: tr H, and its standard error over the random vectors.
        top, top_change: lambda, and its change in the last iteration.
    """

    gradient_square: float
    dissimilarity: float
    trace: float
    trace_error: float
    top: float
    top_change: float


def curvature(context: Context, w: Tensor, seed: int, t: int) -> Curvature:
    """Measure the quantities at the model of round t.

    Args:
        seed: names the random vectors, together with t.
    """
    clients = context.tiers["all"]
    if not w.isfinite().all():
        return Curvature(*[math.nan] * 6)
    g, squares = gradient(context, clients, w)
    square = g.square().sum().item()
    vectors = signs(seed, t, VECTORS, w)
    product = hessian(context, w)
    top, change = largest(product, vectors[0])
    return Curvature(square, squares / square, *trace(product, vectors), top, change)


def signs(seed: int, t: int, count: int, like: Tensor) -> Tensor:
    """Return random vectors of signs, (count, d)."""
    base = torch.tensor([seeds.signed(seeds.key("curvature", seed, t))], device=like.device)
    keys = child(base, torch.arange(count, device=like.device))
    return Directions(keys, len(like), "rademacher").part(slice(None), 0, len(like))


def hessian(context: Context, w: Tensor) -> Product:
    """Return the function that multiplies rows by the Hessian at w."""
    total = len(context.train)

    def product(rows: Tensor) -> Tensor:
        result = torch.zeros_like(rows)
        for images in context.train.split(BATCH):
            leaf = w.detach().requires_grad_()
            with sdpa_kernel(SDPBackend.MATH):  # the other kernels have no second derivative
                of_batch = loss.total(context.model.logits(leaf, images.x()), images.y)
                (g,) = torch.autograd.grad(of_batch / total, leaf, create_graph=True)
                for row, v in zip(result, rows, strict=True):
                    row += torch.autograd.grad(g, leaf, v, retain_graph=True)[0]
        return result

    return product


def trace(product: Product, vectors: Tensor) -> tuple[float, float]:
    """Return Hutchinson's estimate of the trace, and its standard error."""
    values = (vectors.double() * product(vectors).double()).sum(dim=1)
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


def largest(product: Product, start: Tensor) -> tuple[float, float]:
    """Return the largest eigenvalue by power iteration, and its last change.

    Power iteration finds the eigenvalue of the largest size. If that is negative, a second one with
    the spectrum moved above zero finds the largest.
    """
    value, change = _power(product, start)
    if value >= 0:
        return value, change
    moved, change = _power(lambda rows: product(rows) - value * rows, start)
    return moved + value, change


def _power(product: Product, start: Tensor) -> tuple[float, float]:
    v, value, change = start / start.norm(), math.inf, math.inf
    for _ in range(ITERATIONS):
        (moved,) = product(v[None])
        if not moved.any():
            return 0.0, 0.0
        before, value = value, (v @ moved).item()
        change = abs(value - before)
        if change <= TOLERANCE * abs(value):
            break
        v = moved / moved.norm()
    return value, change
