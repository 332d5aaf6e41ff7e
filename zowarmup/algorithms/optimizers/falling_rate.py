"""Learning rates that fall over a phase.

    k       number of the step in the phase, from 0
    T       decay_rounds
    f_k     the factor of lr in step k

    linear      f_k = 1 - k / T
    cosine      f_k = (1 + cos(pi k / T)) / 2
    halving     f_k = 2^(-k / T)

From step T on, linear and cosine keep the factor of step T - 1, their last one above 0. A record
holds the rate of its step, so a replay needs no k.
"""

import math
from dataclasses import dataclass
from typing import Literal

from zowarmup.config.phase import Count


@dataclass(frozen=True, kw_only=True)
class FallingRate:
    """The settings of a phase whose learning rate falls.

    Attributes:
        decay: "none", or how lr falls, see above.
        decay_rounds: T, the rounds in which lr falls to zero, or (halving) to a half; for the
            first two the number of rounds of the phase.
    """

    decay: Literal["none", "linear", "cosine", "halving"] = "none"
    decay_rounds: Count = 300  # the paper's phase 2

    def factor(self, k: int) -> float:
        """f_k, the factor of the learning rate in step k of the phase."""
        T = self.decay_rounds
        if self.decay == "halving":
            return 2.0 ** (-k / T)
        share = min(k, T - 1) / T
        if self.decay == "cosine":
            return (1 + math.cos(math.pi * share)) / 2
        return 1 - share if self.decay == "linear" else 1.0
