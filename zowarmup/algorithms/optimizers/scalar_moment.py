"""The second moment of a zeroth-order step as one number, from the clients' scalars alone.

    a_j     weight of direction j in the step;  g = sum_j a_j z_j is the estimate
    q       scale^2 sum_j a_j^2: the mean square of an entry of g, as directions are almost
            orthogonal
    v       moving average of q;  v <- beta2 v + (1 - beta2) q, from 0
    N       sqrt(v / (1 - beta2^t)), the typical size of an entry of g after t steps

A step lr g / N moves each weight by about lr, as a step of Adam does, for any scale of the loss,
eps, tau, S and number of clients. Adam's own second moment has a number for each weight, but with
few directions in many dimensions these differ by chance alone.

Scalars can be winsorised before: each is limited to k times the median of |c| of its round.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

import torch
from torch import Tensor

from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.config.phase import Decay, NonNegative

V = "v"  # the name of the moment in the server's state
NU = 1e-12  # keeps a step finite if all scalars are 0


@dataclass(frozen=True, kw_only=True)
class ScalarMoment:
    """The settings of a step that is divided by the root of a scalar second moment.

    Attributes:
        beta2: decay of the moment.
        winsor: k, the largest |c| in medians of |c|; 0 for no limit.
    """

    beta2: Decay = 0.99
    winsor: NonNegative = 5.0  # ours

    def winsorised(self, record: RoundRecord) -> RoundRecord:
        """The record with limited scalars; those of dropped clients do not count in the median."""
        rows = [cs for p, cs in zip(record.weights, record.scalars, strict=True) if p]
        sizes = [abs(c) for cs in rows for c in cs]
        if not self.winsor or not sizes:
            return record
        most = self.winsor * median(sizes)
        limited = [[max(-most, min(most, c)) for c in cs] for cs in record.scalars]
        return replace(record, scalars=limited)

    def moment(self, state: State, q: float) -> Tensor:
        """v after a step whose estimate has the mean square q, float64."""
        before = float(state.server[V].item()) if V in state.server else 0.0
        return torch.tensor(self.beta2 * before + (1 - self.beta2) * q, dtype=torch.float64)

    def size(self, v: Tensor, t: int) -> float:
        """N after t steps."""
        return math.sqrt(v.item() / (1 - self.beta2**t)) + NU


def mean_square(a: Sequence[float], scale: float, S: int, shared: bool) -> float:
    """q, the mean square of an entry of sum_j a_j scale u_j.

    Args:
        a: in the order (client, s).
        shared: all clients have the same S directions, whose weights add up.
    """
    weights = [sum(a[s::S]) for s in range(S)] if shared else a
    return scale**2 * math.fsum(weight * weight for weight in weights)
