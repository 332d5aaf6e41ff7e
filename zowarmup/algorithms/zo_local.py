"""Zeroth-order rounds with several local steps, for comparison with the paper's single step.

    T       local steps of a client in a round
    c       scalar of one direction, as in algorithms.zo, but at the client's own model

Each client takes T steps from w over mini-batches of its data and sends its T S scalars. The mean
of the clients' models is w - lr * sum_i p_i / S * sum_j c_ij z_ij. So every client rebuilds it from
seeds and scalars as in algorithms.zo, but the later scalars belong to models that drifted apart.

Reference: Fang et al. 2022, arXiv:2201.09531 (FedZO, local zeroth-order steps).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.client_drift import drift
from zowarmup.algorithms.engine_protocol import Engine, LocalZO
from zowarmup.algorithms.local_answers import after_steps
from zowarmup.algorithms.precision import check_radius
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.algorithms.zo import coefficients, make_record, step
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, Positive, Rate
from zowarmup.models.directions import Directions, draw


@dataclass(frozen=True)
class ZOLocal:
    """A phase of local zeroth-order steps.

    Attributes:
        lr: learning rate of a local step.
        epochs: E, passes over the local data per round; T = E * ceil(n_i / batch).
        batch: B, images per local step.
        S: directions per local step; if S * E here equals S of algorithms.zo, the numbers of
            forward passes are equal.
        eps, tau, distribution, catch_up_limit: as in algorithms.zo.
    """

    lr: Rate
    epochs: Count = 3
    batch: Count = 64
    S: Count = 1
    eps: Positive = 1e-4  # the paper
    tau: Positive = 0.75  # the paper
    distribution: Literal["rademacher", "gaussian"] = "rademacher"  # the paper
    catch_up_limit: Count = 20_000

    def begin(self, w: Tensor) -> State:
        """Start with the model alone; refuse an eps that the model's precision cannot show."""
        check_radius(w, self.eps, self.tau)
        return State(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take every client's local steps, and rebuild the model from the scalars alone."""
        answers = self.answers(state, t, cohort, engine, seeds)
        return self.collect(state, t, cohort, answers, seeds)

    def answers(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> dict[int, Answer]:
        """Take every client's local steps; see algorithms.answers."""
        w, T = state.w, self.steps(max(cohort.sizes))
        directions = self.directions(t, cohort.clients, T, len(w), seeds, w.device)
        steps = LocalZO(self.batch, self.lr, self.S, self.eps, self.tau)
        return after_steps(w, t, cohort, engine, directions, self.epochs, steps, seeds)

    def collect(
        self, state: State, t: int, cohort: Cohort, answers: Mapping[int, Answer], seeds: Seeds
    ) -> tuple[State, Report]:
        """Rebuild the model from the scalars alone; see algorithms.answers."""
        record = make_record(t, cohort, self._padded(cohort, answers), self.lr)
        new = self.apply(state, record, seeds)
        record = replace(record, drift=drift(state.w, new.w, cohort, answers))
        return new, self.report(cohort, record)

    def _padded(self, cohort: Cohort, answers: Mapping[int, Answer]) -> Tensor:
        """The scalars of all clients, (A, T S): 0 after a client's last, NaN without an answer."""
        scalars = torch.zeros(len(cohort.clients), self.sent(max(cohort.sizes)))
        for row, client in zip(scalars, cohort.clients, strict=True):
            sent = answers[client].scalars if client in answers else torch.full_like(row, math.nan)
            row[: len(sent)] = sent
        return scalars

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a recorded round."""
        w, T = state.w, len(record.scalars[0]) // self.S
        t, clients, a = record.round, record.clients, coefficients(record, self.S)
        directions = self.directions(t, clients, T, len(w), seeds, w.device)
        return State(step(w, a, directions, scale=self.tau, lr=record.lr))

    def steps(self, n: int) -> int:
        """The number T of local steps of a client with n images."""
        return self.epochs * -(-n // self.batch)

    def sent(self, n: int) -> int:
        """See algorithms.answers."""
        return self.S * self.steps(n)

    def directions(
        self,
        t: int,
        clients: Sequence[int],
        T: int,
        d: int,
        seeds: Seeds,
        device: torch.device,
    ) -> Directions:
        """T S directions for each client, with the rows in order (client, step, s)."""
        law = self.distribution
        return draw(seeds.directions, t, clients, T * self.S, d, distribution=law, device=device)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round."""
        sent = [4 * self.sent(n) for n in cohort.sizes]
        return Report(
            bytes_up=sent,
            bytes_down=[sum(sent)] * len(sent),  # each client receives all scalars
            forward=2 * self.S * self.epochs * sum(cohort.sizes),
            backward=0,
            record=record,
        )
