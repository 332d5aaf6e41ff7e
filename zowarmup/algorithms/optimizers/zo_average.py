"""Zeroth-order rounds that hand out an average of the iterates, and whose learning rate may fall.

The steps are those of algorithms.zo: without an average and with a constant rate, so are the bits.

Reference: see optimizers.averaged_iterates.
"""

from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from zowarmup.algorithms.optimizers.averaged_iterates import AveragedIterates
from zowarmup.algorithms.optimizers.falling_rate import FallingRate
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.algorithms.zo import ZO, coefficients, step
from zowarmup.models.directions import Directions

STEPS = "steps"  # the name of the number of steps so far

Kept: TypeAlias = dict[str, Tensor]  # the server's tensors beside the model, by name


def counted(state: State, name: str = STEPS) -> int:
    """The number that the server keeps: by default, of the steps that a phase has taken."""
    return int(state.server[name].item()) if name in state.server else 0


@dataclass(frozen=True)
class ZOAverage(ZO, AveragedIterates, FallingRate):
    """A phase of zeroth-order steps with an average of its iterates; lr is the first rate."""

    def rate(self, state: State) -> float:
        """The learning rate of the next step, which may fall over the phase."""
        return self.lr * self.factor(counted(state))

    def step(self, state: State, record: RoundRecord, directions: Directions) -> State:
        """Take a step from the iterate, and hand out the average."""
        w, kept = self.move(state, record, directions)
        k = counted(state) + 1
        return self.handed_out(state, w, k, kept | {STEPS: torch.tensor(k)})

    def move(
        self, state: State, record: RoundRecord, directions: Directions
    ) -> tuple[Tensor, Kept]:
        """The next iterate, (d,), and what else the server keeps: here the step of ZO."""
        a = coefficients(record, self.S)
        return step(state.iterate, a, directions, scale=self.scale, lr=record.lr), {}
