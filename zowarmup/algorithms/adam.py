"""Adam as the server's optimizer, on the pseudo-gradient of a round.

    g       pseudo-gradient, (d,)
    m, v    moving averages of g and of its square
    t       number of steps taken

    m <- beta1 m + (1 - beta1) g;    v <- beta2 v + (1 - beta2) g^2
    w <- w - lr m / (sqrt(v) + epsilon), with m and v divided by 1 - beta^t if bias-corrected

m starts at 0. v starts at 0 too if bias-corrected, else at epsilon^2, the least that Reddi et al.
allow.

Reference: Reddi et al. 2020, arXiv:2003.00295 (no bias correction, epsilon called tau); Kingma and
Ba 2014, arXiv:1412.6980, as in torch.optim.Adam (bias-corrected).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.config.phase import Decay, NonNegative, Positive


@dataclass(frozen=True, kw_only=True)
class Adam:
    """The settings of a phase whose server takes Adam steps, named as in the formulas above.

    The defaults are the variant of the authors' federated code; Reddi et al. use beta2 0.99,
    epsilon 1e-3, no correction and no weight decay.

    Attributes:
        server_weight_decay: coupled as in torch.optim.Adam: g gets server_weight_decay * w added.
    """

    beta1: Decay = 0.9
    beta2: Decay = 0.999
    epsilon: Positive = 1e-8
    bias_correction: bool = True
    server_weight_decay: NonNegative = 1e-5

    def first_moments(self, w: Tensor) -> State:
        """The state before the first step from w."""
        v = torch.full_like(w, 0.0 if self.bias_correction else self.epsilon**2)
        steps = torch.zeros((), dtype=torch.int64)
        return State(w, {"m": torch.zeros_like(w), "v": v, "steps": steps})

    def adam_step(self, state: State, g: Tensor, lr: float) -> State:
        """The state after one step along g."""
        w, steps = state.w, state.server["steps"] + 1
        g = g + self.server_weight_decay * w if self.server_weight_decay else g
        m = self.beta1 * state.server["m"] + (1 - self.beta1) * g
        v = self.beta2 * state.server["v"] + (1 - self.beta2) * self.squared(g, m)
        c_m, c_v = self._corrections(int(steps.item()))
        w = w - lr * (m / c_m) / (self.smoothed(v / c_v).sqrt() + self.epsilon)
        return State(w, {"m": m, "v": v, "steps": steps})

    def squared(self, g: Tensor, m: Tensor) -> Tensor:
        """The square of which v is the moving average."""
        return g.square()

    def smoothed(self, v: Tensor) -> Tensor:
        """The second moment that a step divides by."""
        return v

    def _corrections(self, t: int) -> tuple[float, float]:
        if not self.bias_correction:
            return 1.0, 1.0
        return 1 - self.beta1**t, 1 - self.beta2**t
