"""The engine of a client that can only just hold the model: perturbed weights exist layer by layer.

Slower than plain, since every pass makes its directions again, and bit for bit the same.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from zowarmup.models import layerwise
from zowarmup.models.directions import Directions
from zowarmup.simulation.engines.plain import Plain


class Layerwise(Plain):
    """As Plain, but a probe needs no memory of the size of the model; see models.layerwise."""

    @torch.inference_mode()
    def probe(
        self, w: Tensor, clients: Sequence[int], directions: Directions, *, radius: float
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        losses = torch.zeros(len(clients), S, 2, dtype=torch.float64)
        for i, client in enumerate(clients):
            for s in range(S):
                for side, signed in enumerate((radius, -radius)):
                    part = partial(_near, w, directions, i * S + s, signed)
                    logits = partial(layerwise.logits, self.model, part)
                    losses[i, s, side] = self.mean_loss(logits, client)
        return losses


def _near(
    w: Tensor, directions: Directions, j: int, radius: float, start: int, stop: int
) -> Tensor:
    """Entries start..stop-1 of w + radius u_j."""
    return w[start:stop] + radius * directions.part(slice(j, j + 1), start, stop)[0]
