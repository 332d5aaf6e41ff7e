"""The algorithms of the simulation with real clients: nodes compute, the server combines.

Each wraps an algorithm, whose own functions make the record and the step, so a round in which all
nodes answer in time gives the bits of the simulation. Clients that do not answer are left out, and
the weights of the others are renormalised.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from torch import Tensor

from zowarmup.algorithms.answers import Answered
from zowarmup.algorithms.augmentation import Moves
from zowarmup.algorithms.engine_protocol import SGD, Engine
from zowarmup.algorithms.rounds import Algorithm, Cohort, Report, RoundRecord, State
from zowarmup.common.seeds import Seeds
from zowarmup.flower.federation import Federation


@dataclass(frozen=True)
class Trained:
    """The engine of a round in which nodes have trained; see algorithms.engine_protocol."""

    local: Mapping[int, Tensor]
    d: int

    def with_moves(self, moves: Moves | None) -> "Trained":
        """The nodes have moved their images."""
        return self

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """The models that nodes have sent."""
        return (self.local[client] for client in clients)


@dataclass(frozen=True)
class ByModels:
    """A phase in which models travel."""

    method: Algorithm
    nodes: Federation

    def begin(self, w: Tensor) -> State:
        """See algorithms.rounds."""
        return self.method.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Average the models of the nodes that answered."""
        local = self.nodes.train(t, cohort.clients, state.w)
        present = cohort.only(local)
        trained = cast(Engine, Trained(local, len(state.w)))
        state, report = self.method.round(state, t, present, trained, seeds)
        return state, filled(report, cohort, present)


@dataclass(frozen=True)
class ByScalars:
    """A phase in which scalars travel."""

    method: Answered
    nodes: Federation
    first: int  # round of the phase; nodes begin it from the model alone

    def begin(self, w: Tensor) -> State:
        """See algorithms.rounds."""
        return self.method.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take the step of the scalars that came."""
        numbers = {
            i: self.method.sent(n) for i, n in zip(cohort.clients, cohort.sizes, strict=True)
        }
        answers = self.nodes.answers(t, numbers, State(state.w) if t == self.first else state)
        state, report = self.method.collect(state, t, cohort, answers, seeds)
        self.nodes.keep(cast(RoundRecord, report.record))
        return state, report

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a record, and keep the record for nodes that lack it."""
        self.nodes.keep(record)
        return self.method.apply(state, record, seeds)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round."""
        return self.method.report(cohort, record)


def filled(report: Report, cohort: Cohort, present: Cohort) -> Report:
    """The report of a part of a cohort as one of the cohort: no bytes of those who are missing."""

    def fill(sizes: Sequence[int]) -> list[int]:
        sent = dict(zip(present.clients, sizes, strict=True))
        return [sent.get(client, 0) for client in cohort.clients]

    return replace(report, bytes_up=fill(report.bytes_up), bytes_down=fill(report.bytes_down))
