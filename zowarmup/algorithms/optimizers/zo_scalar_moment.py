"""Zeroth-order rounds with a scalar second moment and, by replay, momentum.

    w <- w - lr m / N;    m = sum_k b_k g_{t-k},  b_k in proportion to beta1^k over k = 0..window-1

g is the estimate of a round, N its typical size (optimizers.scalar_moment). The weights b_k add up
to 1, also in the first rounds. m needs no vector of size d: server and clients keep the keys and
weights of the directions of the last rounds, 16 bytes a direction, and make the directions again.

Records hold the scalars as they were sent, so records alone determine v, m and every step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.optimizers.scalar_moment import ScalarMoment, V, mean_square
from zowarmup.algorithms.optimizers.zo_average import Kept, ZOAverage, counted
from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.algorithms.zo import coefficients, step
from zowarmup.config.phase import Count, Decay
from zowarmup.models.directions import Directions

KEYS, WEIGHTS = "window_keys", "window_weights"  # of the last rounds, newest first


@dataclass(frozen=True)
class ZOScalarMoment(ZOAverage, ScalarMoment):
    """A phase of normalised zeroth-order steps; lr is about the move of each weight in a step.

    Attributes:
        beta1: decay of the momentum.
        window: the number of rounds in the momentum; 1 for none.
    """

    beta1: Decay = 0.9
    window: Count = 1

    def move(
        self, state: State, record: RoundRecord, directions: Directions
    ) -> tuple[Tensor, Kept]:
        """The next iterate, and the moment and the window after the step."""
        a = coefficients(self.winsorised(record), self.S)
        v = self.moment(state, mean_square(a, self.scale, self.S, self.shared_directions))
        window = self._window(state, a, directions.keys) if self.window > 1 else {}
        if window:
            a, directions = self._momentum(window, directions)
        lr = record.lr / self.size(v, counted(state) + 1)
        return step(state.iterate, a, directions, scale=self.scale, lr=lr), {V: v, **window}

    def _window(self, state: State, a: list[float], keys: Tensor) -> Kept:
        """The keys and weights of the last rounds with those of this round, (rounds, P) each."""
        weights = torch.tensor([a], dtype=torch.float64)
        past = [
            state.server[name][: self.window - 1]
            for name in (KEYS, WEIGHTS)
            if name in state.server
        ]
        if not past:
            return {KEYS: keys[None], WEIGHTS: weights}
        return {KEYS: torch.cat([keys[None], past[0]]), WEIGHTS: torch.cat([weights, past[1]])}

    def _momentum(self, window: Kept, directions: Directions) -> tuple[list[float], Directions]:
        """The weights of the directions in m, and the directions."""
        decays = [self.beta1**k for k in range(len(window[KEYS]))]
        shares = torch.tensor(decays, dtype=torch.float64) / sum(decays)
        weights = shares[:, None] * window[WEIGHTS].cpu()
        every = Directions(window[KEYS].flatten(), directions.d, directions.distribution)
        return weights.flatten().tolist(), every
