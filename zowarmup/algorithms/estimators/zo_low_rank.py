"""Zeroth-order rounds along directions that are of low rank in each matrix of parameters.

    z       tau * U V^T / sqrt(r) for a matrix, U and V of random signs, see
            models.low_rank_directions;  r the rank

The mean of an estimate is that of `zo`. For one client with the gradient g, with G_b its part for
the matrix b, in the scaling "unbiased",

    E|g_hat - g|^2 = [(d - 1) |g|^2 + 2 (r - 1) / r sum_b |G_b|^2] / S,

at rank 1 the error of plain signs, at a high rank that of Gaussian directions. So a low rank buys
no accuracy; it is here as a control for methods that use such directions.

Reference: Chen et al. 2024 (LOZO), arXiv:2410.07698, who keep V over many steps; here U and V are
new in every round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate

import torch

from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel
from zowarmup.models.low_rank_directions import LowRank


@dataclass(frozen=True)
class ZOLowRank(ZO):
    """A phase of zeroth-order steps along directions of low rank.

    Attributes:
        rank: r.
    """

    rank: Count = 1

    def of_model(self, model: FlatModel) -> "OfMatrices":
        """Return the algorithm for a network, whose matrices the directions follow."""
        settings = {f.name: getattr(self, f.name) for f in fields(self)}
        columns = [
            size // shape[0] if len(shape) > 1 else 0
            for size, shape in zip(model.sizes, model.shapes, strict=True)
        ]
        edges = accumulate(model.sizes, initial=0)
        return OfMatrices(**settings, edges=tuple(edges), columns=tuple(columns))


@dataclass(frozen=True)
class OfMatrices(ZOLowRank):
    """The algorithm for one network.

    Attributes:
        edges: where each parameter begins in w, and d.
        columns: entries in a row of each parameter, 0 for one that is no matrix.
    """

    edges: tuple[int, ...] = field(kw_only=True)
    columns: tuple[int, ...] = field(kw_only=True)

    def directions(
        self, t: int, clients: Sequence[int], d: int, seeds: Seeds, device: torch.device
    ) -> Directions:
        """The round's directions of low rank, P = A x S of them."""
        u = super().directions(t, clients, d, seeds, device)
        return LowRank(
            u.keys, d, u.distribution, edges=self.edges, columns=self.columns, r=self.rank
        )
