"""The gain that a zeroth-order round promises on a subset of the parameters, as clients measure it.

m               1 for each parameter of the subset, else 0, (d,)
|g|^2, B^2, T   within the subset, see second_differences
lambda          curvature along m h, with h the gradient of the high-resource clients
limit           lambda + B^2 T / P, with P directions in a round;  lambda where T <= 0
gain            |g|^2 / (2 limit), the best expected one of a round if the loss is quadratic
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms import second_differences as differences
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Cohort
from zowarmup.common.seeds import key, signed
from zowarmup.models.directions import Directions
from zowarmup.models.masked_directions import Masked

LONG = 10.0  # length of the move along h, in units of r
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Promise:
    """The measurements of a subset.

    Attributes:
        square: |g|^2.
        limit: the inverse of the best rate, in the scaling "unbiased".
    """

    square: float
    limit: float

    @property
    def gain(self) -> float:
        """The best expected gain of a round; -inf if it cannot be told."""
        bounded = math.isfinite(self.square) and 0 < self.limit < math.inf
        return self.square / (2 * self.limit) if bounded else -math.inf


@dataclass(frozen=True, eq=False)
class Measurement:
    """A measurement of subsets at one model.

    Attributes:
        u: D directions of signs, the same for each client.
        r: length of the moves along u, for each entry of w.
        P: directions of a round.
    """

    engine: Engine
    cohort: Cohort
    w: Tensor
    u: Directions
    r: float
    P: int

    def of(self, masks: Sequence[Tensor]) -> list[Promise]:
        """The promises of the subsets with these masks, (d,) each."""
        at_w = differences.losses(self.engine, self.cohort.clients, self.w)
        h = self._gradient()
        return [self._promise(mask.to(self.w.device), h, at_w) for mask in masks]

    def _promise(self, mask: Tensor, h: Tensor | None, at_w: Tensor) -> Promise:
        clients, p = self.cohort.clients, _shares(self.cohort, self.w.device)
        u = Masked(self.u.keys, self.u.d, self.u.distribution, mask=mask)
        along = differences.measure(self.engine, clients, p, u, self.r, self.w, at_w)
        square, trace = along.squares.mean().item(), along.bends.mean().item()
        noise = along.own.mean().item() / square * trace / self.P if square else math.nan
        if h is None:
            return Promise(square, noise)
        steepest = differences.curvature(
            self.engine, clients, p, mask * h, LONG * self.r, self.w, at_w
        )
        return Promise(square, steepest + max(noise, 0.0))

    def _gradient(self) -> Tensor | None:
        """The gradient of the high-resource clients' mean loss, (d,); None without such clients."""
        high = self.cohort.only(set(self.cohort.clients) - self.cohort.low)
        if not high.clients:
            return None
        h = torch.zeros_like(self.w)
        each = self.engine.each_gradient(self.w, high.clients)
        for share, gradient in zip(high.weights, each, strict=True):
            h.add_(gradient, alpha=share)
        return h


def measurement(
    engine: Engine, cohort: Cohort, w: Tensor, t: int, *, seed: int, D: int, r: float, P: int
) -> Measurement:
    """A measurement along D directions that depend on the seed and the round alone."""
    base = torch.tensor([signed(key("subsets", seed))], device=w.device)
    u = differences.shared(base, t, D, len(cohort.clients), len(w))
    return Measurement(engine, cohort, w, u, r, P)


@dataclass(frozen=True)
class Costs:
    """The costs of a measurement beside a round; a list has an entry per client."""

    bytes_up: list[int]
    bytes_down: int
    forward: int
    backward: int


def costs(cohort: Cohort, subsets: int, D: int, d: int) -> Costs:
    """The costs of measuring some subsets along D directions each.

    A client sends its losses: one, and 2 D + 2 for each subset. A high-resource client sends its
    gradient too, and all receive the mean h.
    """
    losses = subsets * (2 * D + 2) + 1
    trains = [i not in cohort.low for i in cohort.clients]
    high = sum(n for n, able in zip(cohort.sizes, trains, strict=True) if able)
    return Costs(
        [FLOAT * (losses + d * able) for able in trains],
        FLOAT * d * any(trains),
        losses * sum(cohort.sizes) + high,
        high,
    )


def _shares(cohort: Cohort, device: torch.device) -> Tensor:
    """p_i, (A,) float64."""
    return torch.tensor(cohort.shares(), dtype=torch.float64, device=device)
