"""FedKSeed: all steps ever taken lie in the span of K candidate directions.

    K       candidate seeds, drawn once;  z_k = tau u_k
    A_k     accumulated scalar of candidate k
    T       local steps of a client in a round, over mini-batches
    c       [L(w + eps z_k) - L(w - eps z_k)] / (2 eps) on one mini-batch

Each client takes T steps w <- w - lr c z_k with candidates that it chooses and sends the pairs
(k, c). The server adds p_i c to A_k, and every client rebuilds w = w_0 - lr * sum_k A_k z_k from
w_0, the model at the start of the phase. So a client needs the pairs of all rounds since its last,
or the K accumulators. The sum holds only for a constant learning rate and no weight decay.

With sampling "pro", candidates with larger scalars are chosen more often: the probabilities are
softmax(m), where m is the mean |c| of each candidate so far, clipped to CLIP and scaled to 0..1. As
in the authors' code the list of a candidate starts with a 0, which counts in the mean.

Reference: Qin et al. 2023, arXiv:2312.06353.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.client_drift import drift
from zowarmup.algorithms.engine_protocol import Engine, LocalZO
from zowarmup.algorithms.local_answers import after_steps
from zowarmup.algorithms.precision import check_radius
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.algorithms.zo import step
from zowarmup.common.seeds import Seeds, key, signed
from zowarmup.config.phase import Count, Positive, Rate
from zowarmup.models.directions import Directions, child, uniform

SHORT = 1 << 16  # number of candidates that two bytes can index
CLIP = 1000.0  # largest |c| in FedKSeed-Pro, as in its authors' code


@dataclass(frozen=True)
class FedKSeed:
    """A phase of FedKSeed.

    Attributes:
        lr: learning rate of a local step.
        K: number of candidate seeds.
        epochs: E, passes over the local data per round; T = E * ceil(n_i / batch).
        batch: B, images per local step.
        eps: radius of the finite difference in units of z.
        tau: scale of a direction; FedKSeed itself has 1.
        distribution: "rademacher" or "gaussian".
        sampling: "uniform" or "pro".
    """

    lr: Rate
    K: Count = 4096  # FedKSeed's authors' code
    epochs: Count = 1  # one pass reads as many samples as one full-batch step along one direction
    batch: Count = 64  # as in FedAvg
    eps: Positive = 5e-4  # FedKSeed's authors' code
    tau: Positive = 1.0
    distribution: Literal["rademacher", "gaussian"] = "gaussian"  # FedKSeed's authors' code
    sampling: Literal["uniform", "pro"] = "uniform"

    def begin(self, w: Tensor) -> State:
        """Start with all accumulators at zero, and with w as the model to rebuild from."""
        check_radius(w, self.eps, self.tau)
        zeros = {name: torch.zeros(self.K) for name in ("A", "met", "size")}
        return State(w, {"w_0": w, **zeros})

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take every client's local steps, and rebuild the model from the accumulators."""
        answers = self.answers(state, t, cohort, engine, seeds)
        return self.collect(state, t, cohort, answers, seeds)

    def answers(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> dict[int, Answer]:
        """Take every client's local steps; see algorithms.answers."""
        w, T = state.w, self.steps(max(cohort.sizes))
        chosen = self.choose(state, t, cohort.clients, T, seeds)
        directions = self.candidates(w, seeds).take(chosen.flatten().to(w.device))
        steps = LocalZO(self.batch, self.lr, 1, self.eps, self.tau)
        return after_steps(w, t, cohort, engine, directions, self.epochs, steps, seeds)

    def collect(
        self, state: State, t: int, cohort: Cohort, answers: Mapping[int, Answer], seeds: Seeds
    ) -> tuple[State, Report]:
        """Rebuild the model from the accumulators; see algorithms.answers.

        Candidates are no part of an answer, because the state decides them.
        """
        record = self._record(state, t, cohort, answers, seeds)
        new = self.apply(state, record, seeds)
        record = replace(record, drift=drift(state.w, new.w, cohort, answers))
        return new, self.report(cohort, record)

    def _record(
        self, state: State, t: int, cohort: Cohort, answers: Mapping[int, Answer], seeds: Seeds
    ) -> RoundRecord:
        """The message of a round; a client without finite scalars has none, and no weight."""
        T, clients = self.steps(max(cohort.sizes)), list(cohort.clients)
        answers = {i: sent for i, sent in answers.items() if sent.scalars.isfinite().all()}
        scalars = [answers[i].scalars.tolist() if i in answers else [] for i in clients]
        chosen = self.choose(state, t, clients, T, seeds).tolist()
        used = [ks[: len(cs)] for ks, cs in zip(chosen, scalars, strict=True)]
        missing = [i for i in clients if i not in answers]
        weights = cohort.shares(missing)
        return RoundRecord(
            t, clients, weights, scalars, self.lr, dropped=missing or None, chosen=used
        )

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Return the accumulators after a recorded round, and the w rebuilt from them."""
        A, met, size = (state.server[name].tolist() for name in ("A", "met", "size"))
        for p, ks, cs in zip(record.weights, record.chosen or [], record.scalars, strict=True):
            for k, c in zip(ks, cs, strict=True):
                A[k] += p * c
                met[k] += 1
                size[k] += min(abs(c), CLIP)
        kept = {"A": torch.tensor(A), "met": torch.tensor(met), "size": torch.tensor(size)}
        w = self.rebuild(state.server["w_0"], kept["A"], record.lr, seeds)
        return State(w, {"w_0": state.server["w_0"], **kept})

    def rebuild(self, w_0: Tensor, A: Tensor, lr: float, seeds: Seeds) -> Tensor:
        """w_0 - lr * sum_k A_k z_k."""
        return step(w_0, A.tolist(), self.candidates(w_0, seeds), scale=self.tau, lr=lr)

    def candidates(self, w: Tensor, seeds: Seeds) -> Directions:
        """The K directions of a run, unscaled."""
        return drawn(seeds.directions, self.K, len(w), self.distribution, w.device)

    def choose(self, state: State, t: int, clients: Sequence[int], T: int, seeds: Seeds) -> Tensor:
        """Choose the candidate of each client in each step, (A, T) int64."""
        base = key("fedkseed", seeds.directions)
        u = uniform(base, (t,), clients, T)
        edges = self.probabilities(state).cumsum(0)
        return torch.searchsorted(edges, u * edges[-1], right=True).clamp_(max=self.K - 1)

    def probabilities(self, state: State) -> Tensor:
        """The probability of every candidate, (K,) float64."""
        if self.sampling == "uniform":
            return torch.full((self.K,), 1 / self.K, dtype=torch.float64)
        mean = state.server["size"].double() / (state.server["met"].double() + 1)
        span = (mean.max() - mean.min()).clamp(min=1e-30)
        return ((mean - mean.min()) / span).softmax(0)

    def steps(self, n: int) -> int:
        """The number T of local steps of a client with n images."""
        return self.epochs * -(-n // self.batch)

    def sent(self, n: int) -> int:
        """See algorithms.answers."""
        return self.steps(n)

    @property
    def catch_up_limit(self) -> int:
        """The missed numbers, of 4 bytes each, above which the accumulators are shorter."""
        return self.catch_up_bytes // 4

    @property
    def catch_up_bytes(self) -> int:
        """The size of what stands for all rounds: K accumulators and, with "pro", probabilities."""
        return 4 * self.K * (2 if self.sampling == "pro" else 1)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round.

        A client sends K sums of its scalars, or pairs of index and scalar if those are shorter. It
        receives all clients' pairs or, if shorter, the accumulators.
        """
        pair = 4 + (2 if self.K <= SHORT else 4)
        sums = 4 * self.K if self.sampling == "uniform" else math.inf  # "pro" needs each scalar
        up = [int(min(sums, pair * self.steps(n))) for n in cohort.sizes]
        return Report(
            bytes_up=up,
            bytes_down=[min(self.catch_up_bytes, sum(up))] * len(cohort.clients),
            forward=2 * self.epochs * sum(cohort.sizes),
            backward=0,
            record=record,
        )


@lru_cache(maxsize=1)  # every round asks for the same
def drawn(seed: int, K: int, d: int, distribution: str, device: torch.device) -> Directions:
    """Draw the K candidate directions of a direction seed."""
    base = torch.tensor([signed(key("candidates", seed))], device=device)
    return Directions(child(base, torch.arange(K, device=device)), d, distribution)
