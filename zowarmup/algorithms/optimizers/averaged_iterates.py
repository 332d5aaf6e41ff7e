"""Averages of a phase's iterates: the phase hands out a mean, which no step uses.

    w_k     iterate after step k of the phase, from 1
    m_k     mean of the iterates after step k, (d,)
    g_k     weight of the newest iterate;  m_k = m_{k-1} + g_k (w_k - m_{k-1})

    mean            g_k = 1 / (k - skip): the plain mean of all iterates after step skip
    exponential     g_k = (1 - b) / (1 - b^(k - skip)): weights in proportion to b^age, sum 1

Up to step skip + 1, m_k = w_k. The server averages, and so does a replay of the records, so nothing
is sent, and no client needs memory for it. `State.w` is m_k, the model that is evaluated and saved;
`State.iterate` is w_k.

Reference: Polyak and Juditsky 1992, doi:10.1137/0330046 (mean); Izmailov et al. 2018,
arXiv:1803.05407 (over the last part of training).
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zowarmup.algorithms.rounds import ITERATE, State
from zowarmup.config.phase import Decay, Whole


@dataclass(frozen=True, kw_only=True)
class AveragedIterates:
    """The settings of a phase that hands out an average of its iterates.

    Attributes:
        average: "none", "mean" or "exponential", see above.
        average_after: skip, the number of first iterates that do not count.
        average_decay: b of the exponential average.
    """

    average: Literal["none", "mean", "exponential"] = "none"
    average_after: Whole = 0
    average_decay: Decay = 0.98  # ours: a mean over about 50 rounds

    def handed_out(self, before: State, w: Tensor, k: int, kept: dict[str, Tensor]) -> State:
        """The state after step k: the mean of the iterates, with w and `kept` beside it.

        Args:
            before: the state before the step.
            w: (d,) the iterate after the step.
            kept: the server's other tensors after the step.
        """
        if self.average == "none":
            return State(w, kept)
        n = k - self.average_after
        # Product and sum are rounded separately, so that every device gives the same bits.
        mean = w.clone() if n <= 1 else before.w + (w - before.w).mul_(self._weight(n))
        return State(mean, kept | {ITERATE: w})

    def _weight(self, n: int) -> float:
        """The weight of the newest of n iterates."""
        b = self.average_decay
        return 1 / n if self.average == "mean" else (1 - b) / (1 - b**n)
