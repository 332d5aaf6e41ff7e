"""The zeroth-order round: seeds go down, S scalars come up, all make the same step.

    z = tau * u        direction; u from (seed, round, client, s), see models.directions
    c = [L(w + eps z) - L(w - eps z)] / (2 eps)     the scalar, float32 on the wire
    a = p_i c / S      its weight in the step
    w <- w - lr * sum_j a_j z_j                     j = (i, s) in sorted order

The mean of c z over directions is tau^2 times the gradient, up to O(eps^2), so tau and lr are
confounded: scaling "unbiased" divides by tau^2, scaling "paper" (the default) does not.

Reference: Spall 1992 (SPSA), doi:10.1109/9.119632; arXiv 2509.03503.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.precision import check_radius
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, Positive, Rate
from zowarmup.models.directions import Directions, Place, draw


@dataclass(frozen=True)
class ZO:
    """A phase of zeroth-order steps, one per round over each client's full data.

    Attributes:
        lr: learning rate of the step.
        S: directions per client.
        eps: radius of the finite difference in units of z.
        tau: scale of a direction.
        distribution: "rademacher" or "gaussian".
        scaling: "paper" (E[step] = tau^2 g) or "unbiased" (E[step] = g).
        estimator: "two_point", or its limit for eps -> 0, "directional", by one backward pass, a
            shortcut of the simulation that no low-resource client could run.
        shared_directions: all clients use the same S directions.
        augment: "none", or "crop_flip" of every image, see algorithms.augmentation; all 2 S passes
            of a round see the same crops.
        catch_up_limit: a client that missed more directions than this is sent the model instead
            of the records.
    """

    lr: Rate
    S: Count = 3  # the paper
    eps: Positive = 1e-4  # the paper
    tau: Positive = 0.75  # the paper
    distribution: Literal["rademacher", "gaussian"] = "rademacher"  # the paper
    scaling: Literal["paper", "unbiased"] = "paper"
    estimator: Literal["two_point", "directional"] = "two_point"  # the paper
    shared_directions: bool = False  # the paper: seeds per client
    augment: Literal["none", "crop_flip"] = "none"
    catch_up_limit: Count = 20_000  # ours

    def begin(self, w: Tensor) -> State:
        """Start with the model alone; refuse an eps that the model's precision cannot show."""
        if self.estimator == "two_point":
            check_radius(w, self.eps, self.tau)
        return State(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take one step, which the record determines, so that absent clients catch up."""
        directions, scalars = self._measured(state, t, cohort, engine, seeds)
        record = make_record(t, cohort, scalars, self.rate(state))
        return self.step(state, record, directions), self.report(cohort, record)

    def _measured(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[Directions, Tensor]:
        """The directions of a round, and the scalars of the cohort along them."""
        directions = self.directions(t, cohort.clients, engine.d, seeds, state.w.device)
        engine = engine.with_moves(moves(self.augment, t, seeds))
        return directions, self.scalars(state.iterate, cohort, engine, directions)

    def sent(self, n: int) -> int:
        """See algorithms.answers."""
        return self.S

    def answers(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> dict[int, Answer]:
        """The scalars of a cohort; see algorithms.answers."""
        _, scalars = self._measured(state, t, cohort, engine, seeds)
        return {client: Answer(cs) for client, cs in zip(cohort.clients, scalars, strict=True)}

    def collect(
        self, state: State, t: int, cohort: Cohort, answers: Mapping[int, Answer], seeds: Seeds
    ) -> tuple[State, Report]:
        """Take the step of the scalars that came; see algorithms.answers."""
        none = torch.full((self.S,), math.nan)
        rows = [answers[i].scalars if i in answers else none for i in cohort.clients]
        record = make_record(t, cohort, torch.stack(rows), self.rate(state))
        return self.apply(state, record, seeds), self.report(cohort, record)

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a recorded round, from the record and the seeds alone."""
        t, clients, w = record.round, record.clients, state.w
        return self.step(state, record, self.directions(t, clients, len(w), seeds, w.device))

    def directions(
        self, t: int, clients: Sequence[int], d: int, seeds: Seeds, device: torch.device
    ) -> Directions:
        """The round's unit directions, P = A x S of them."""
        return draw(
            seeds.directions,
            t,
            clients,
            self.S,
            d,
            distribution=self.distribution,
            shared=self.shared_directions,
            device=device,
        )

    def rate(self, state: State) -> float:
        """The learning rate of the next step."""
        return self.lr

    def scalars(self, w: Tensor, cohort: Cohort, engine: Engine, directions: Directions) -> Tensor:
        """The scalars c that the clients send, (A, S) float32."""
        if self.estimator == "directional":
            derivatives = engine.directional_derivatives(w, cohort.clients, directions)
            return (self.tau * derivatives).float()
        losses = engine.two_point(w, cohort.clients, directions, self.eps * self.tau)
        return ((losses[..., 0] - losses[..., 1]) / (2 * self.eps)).float()

    def step(self, state: State, record: RoundRecord, directions: Directions) -> State:
        """w - lr * sum_j a_j z_j."""
        a = coefficients(record, self.S)
        return State(step(state.w, a, directions, scale=self.scale, lr=record.lr))

    @property
    def scale(self) -> float:
        """The factor of u in the step."""
        return self.tau if self.scaling == "paper" else 1 / self.tau

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round."""
        A, images = len(cohort.clients), sum(cohort.sizes)
        two_point = self.estimator == "two_point"
        return Report(
            bytes_up=[4 * self.S] * A,
            bytes_down=[4 * self.S * A] * A,  # each client receives all scalars
            forward=images * (2 * self.S if two_point else 1),
            backward=0 if two_point else images,
            record=record,
        )


def make_record(t: int, cohort: Cohort, scalars: Tensor, lr: float) -> RoundRecord:
    """The message of a round, without the clients that sent a non-finite scalar.

    The other weights are renormalised. If no client sent finite scalars, the estimate is zero.
    """
    finite = scalars.isfinite()
    dropped = [i for i, ok in zip(cohort.clients, finite.all(dim=1), strict=True) if not ok]
    numbers = torch.where(finite, scalars, 0.0).tolist()
    clients = list(cohort.clients)
    return RoundRecord(t, clients, cohort.shares(dropped), numbers, lr, dropped)


def coefficients(record: RoundRecord, S: int) -> list[float]:
    """a_j = p_i c_is / S for j = (i, s) in sorted order."""
    rows = zip(record.weights, record.scalars, strict=True)
    return [p * c / S for p, cs in rows for c in cs]


def step(
    w: Tensor, a: Sequence[float], directions: Directions, *, scale: float, lr: float
) -> Tensor:
    """Return w - lr * sum_j a_j scale u_j, computed piece by piece to save memory."""
    new = torch.empty_like(w)
    for at, total in sums(a, directions, w, scale=scale):
        torch.sub(w[at], total.mul_(lr), out=new[at])
    return new


def combine(a: Sequence[float], directions: Directions, like: Tensor, *, scale: float) -> Tensor:
    """Return sum_j a_j scale u_j with the shape (d,), type and device of `like`."""
    total = torch.empty_like(like)
    for at, part in sums(a, directions, like, scale=scale):
        total[at] = part
    return total


def sums(
    a: Sequence[float], directions: Directions, like: Tensor, *, scale: float
) -> Iterator[tuple[Place, Tensor]]:
    """Yield sum_j a_j scale u_j in pieces, each with its place in the flat vector.

    The sum runs in order j = 0, 1, ..., in float32. The coefficient is rounded to
    float32 before it multiplies u = -1 or +1, so a fused multiply-add changes nothing and
    Rademacher steps are equal bit for bit on every device and for any chunking.
    """
    first, *others = [a_j * scale for a_j in a]
    total = like.new_empty(0)
    for at, rows in directions.blocks():
        u = iter(rows)
        # Equals 0 + a_0 u_0 except in the sign of a zero, which changes no weight but -0.
        torch.mul(next(u), first, out=total.resize_(at.stop - at.start))
        for a_j, u_j in zip(others, u, strict=True):
            total.add_(u_j, alpha=a_j)
        yield at, total
