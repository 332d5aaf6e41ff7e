"""Zeroth-order rounds with Adam as the server's optimizer.

Everybody who rebuilds the model rebuilds Adam's moments too: two more vectors of the size of w on
every client, which a client that can only just hold the model does not have. The paper tries it
nevertheless (section 4.4), and so do we.
"""

from dataclasses import dataclass

from torch import Tensor

from zowarmup.algorithms.adam import Adam
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.algorithms.zo import ZO, coefficients, combine
from zowarmup.config.phase import Decay, NonNegative, Positive
from zowarmup.models.directions import Directions


@dataclass(frozen=True)
class ZOAdam(ZO):
    """A phase of zeroth-order steps through Adam; lr is Adam's.

    Attributes:
        beta1, beta2, epsilon, bias_correction: see algorithms.adam; the defaults are the variant of
            the authors' federated code.
        server_weight_decay: coupled.
    """

    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    bias_correction: bool = True
    server_weight_decay: NonNegative = 0.0

    def begin(self, w: Tensor) -> State:
        """Both moments are zero."""
        self.check(w)
        return self._adam(self.lr).begin(w)

    def step(self, state: State, record: RoundRecord, directions: Directions) -> State:
        """One step of Adam along the estimate sum_j a_j z_j."""
        a = coefficients(record, self.S)
        g = combine(a, directions, state.w, scale=self.scale)
        return self._adam(record.lr).step(state, g)

    def _adam(self, lr: float) -> Adam:
        return Adam(
            lr,
            self.beta1,
            self.beta2,
            self.epsilon,
            self.bias_correction,
            self.server_weight_decay,
        )
