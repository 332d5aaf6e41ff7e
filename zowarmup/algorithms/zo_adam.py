"""Zeroth-order rounds with Adam as the server's optimizer.

A client that rebuilds the model rebuilds Adam's moments too: two more vectors of the size of w,
for which a client that can only just hold the model has no memory. The paper tries this variant
nevertheless (section 4.4), and so does this project.
"""

from dataclasses import dataclass

from torch import Tensor

from zowarmup.algorithms.adam import Adam
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.algorithms.zo import ZO, coefficients, combine
from zowarmup.models.directions import Directions


@dataclass(frozen=True)
class ZOAdam(ZO, Adam):
    """A phase of zeroth-order steps with Adam on the server; lr is Adam's learning rate."""

    def begin(self, w: Tensor) -> State:
        """Start with the first moments of Adam."""
        return self.first_moments(super().begin(w).w)

    def step(self, state: State, record: RoundRecord, directions: Directions) -> State:
        """Take one step of Adam along the estimate sum_j a_j z_j."""
        a = coefficients(record, self.S)
        g = combine(a, directions, state.w, scale=self.scale)
        return self.adam_step(state, g, record.lr)
