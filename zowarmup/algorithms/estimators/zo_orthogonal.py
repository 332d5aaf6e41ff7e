"""Zeroth-order rounds in which the directions of a client are orthogonal to each other.

    z_s     tau * D h_s, s = 0..S-1: signs D of the client and the round, rows h_s of a
            Walsh-Hadamard matrix, see models.orthogonal_directions

Each z_s alone is a direction of `zo`, so the mean of an estimate is the same. For one client with
the gradient g and S <= d directions, in the scaling "unbiased",

    E|g_hat - g|^2 = (d - S) / S |g|^2      instead of      (d - 1) / S |g|^2.

For S far below d that is next to nothing; for S = d the estimate is exact.

Reference: Choromanski et al. 2018, arXiv:1804.02395 (structured orthogonal directions).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.models.directions import Directions, draw
from zowarmup.models.orthogonal_directions import orthogonal


@dataclass(frozen=True)
class ZOOrthogonal(ZO):
    """A phase of zeroth-order steps along orthogonal directions of each client.

    With `shared_directions` all clients have the same S orthogonal directions. With Gaussian D the
    directions are orthogonal in the mean only.
    """

    def directions(
        self, t: int, clients: Sequence[int], d: int, seeds: Seeds, device: torch.device
    ) -> Directions:
        """The round's unit directions D h_s, P = A x S of them; D is the first one of `zo`."""
        D = draw(
            seeds.directions,
            t,
            clients,
            1,
            d,
            distribution=self.distribution,
            shared=self.shared_directions,
            device=device,
        )
        return orthogonal(D, self.S)
