"""A method of your own: zeroth-order rounds with momentum on the server.

g       estimate of a round, from the clients' scalars
b       momentum buffer, (d,);  b <- momentum b + g,  w <- w - lr b
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.algorithms.zo import ZO, coefficients, combine
from zowarmup.config.phase import Decay
from zowarmup.models.directions import Directions


@dataclass(frozen=True)
class Momentum(ZO):
    """ZO with one more setting, and another step."""

    momentum: Decay = 0.9

    def begin(self, w: Tensor) -> State:
        """No momentum yet."""
        return State(w, {"b": torch.zeros_like(w)})

    def step(self, state: State, record: RoundRecord, directions: Directions) -> State:
        """One step along the momentum, from the scalars that every client knows."""
        g = combine(coefficients(record, self.S), directions, state.w, scale=self.scale)
        b = self.momentum * state.server["b"] + g
        return State(state.w - record.lr * b, {"b": b})
