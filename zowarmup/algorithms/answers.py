"""Rounds that can be split between machines: clients answer with scalars, the server collects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Cohort, Replayable, Report, State
from zowarmup.common.seeds import Seeds


@dataclass(frozen=True)
class Answer:
    """The message of a client in a round in which scalars travel.

    Attributes:
        scalars: in the order of its directions, 1-D float32.
        moved: |w_i - w|^2 of its model after local steps, by which the drift is measured and on
            which no step depends; None where clients make no local steps.
    """

    scalars: Tensor
    moved: float | None = None


class Answered(Replayable, Protocol):
    """A phase whose rounds can be split between machines: clients answer, the server collects.

    `round` gives the same bits as `collect` after `answers`.
    """

    def sent(self, n: int) -> int:
        """How many scalars a client with n images sends."""
        ...

    def answers(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> dict[int, Answer]:
        """The messages of a cohort in round t; a client's depends on no other client."""
        ...

    def collect(
        self, state: State, t: int, cohort: Cohort, answers: Mapping[int, Answer], seeds: Seeds
    ) -> tuple[State, Report]:
        """The state after round t and its costs; clients without an answer are left out."""
        ...
