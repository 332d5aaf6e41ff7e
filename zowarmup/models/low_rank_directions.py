"""Directions that are of low rank in each matrix of parameters.

    U, V    m x r and n x r signs (or Gaussian numbers) of a direction and a parameter
    z       U V^T / sqrt(r) for a parameter of m rows and n other entries in each; of any other
            parameter, such as a bias, plain signs

Entries have mean 0, variance 1, and no correlation, so estimates have the same mean as those along
plain directions. A direction of a matrix takes r (m + n) random numbers instead of m n.

The numbers of parameter b are keyed by word b of the direction's key, those of U and V by words 0
and 1 of that. Entry (a, k) of a factor is number a r + k.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from zowarmup.models.directions import DISTRIBUTIONS, Directions, child


@dataclass(frozen=True, eq=False, kw_only=True)
class LowRank(Directions):
    """Directions of rank r.

    Attributes:
        edges: where each parameter begins in w, and d.
        columns: n of each parameter, 0 for one that is no matrix.
        r: the rank.
    """

    edges: tuple[int, ...]
    columns: tuple[int, ...]
    r: int

    def part(self, rows: slice, start: int, stop: int, scale: float = 1.0) -> Tensor:
        """Entries start..stop-1 of scale * u for some rows, (rows, stop - start) float32."""
        pieces = [*self._pieces(self.keys[rows], start, stop)]
        u = pieces[0] if len(pieces) == 1 else torch.cat(pieces, dim=1)
        return u if scale == 1 else u.mul_(scale)

    def _pieces(self, keys: Tensor, start: int, stop: int) -> Iterator[Tensor]:
        """The parts of each parameter between start and stop."""
        for b, (first, last) in enumerate(pairwise(self.edges)):
            begin, end = max(start, first) - first, min(stop, last) - first
            if begin < end:
                of_parameter = child(keys, torch.tensor(b, device=keys.device))
                yield self._entries(of_parameter, begin, end, self.columns[b])

    def _entries(self, keys: Tensor, begin: int, end: int, n: int) -> Tensor:
        """Entries begin..end-1 of a parameter, (P, end - begin)."""
        draw = DISTRIBUTIONS[self.distribution]
        if not n:
            return draw(keys, begin, end)
        top, bottom = begin // n, -(-end // n)  # the rows that hold these entries
        sides = [child(keys, torch.tensor(side, device=keys.device)) for side in (0, 1)]
        U = draw(sides[0], top * self.r, bottom * self.r).view(len(keys), -1, 1, self.r)
        V = draw(sides[1], 0, n * self.r).view(len(keys), 1, n, self.r)
        # One product after the other: the order of a matrix product depends on the device.
        z = U[..., 0] * V[..., 0]
        for k in range(1, self.r):
            z += U[..., k] * V[..., k]
        z = z.mul_(self.r**-0.5) if self.r > 1 else z
        return z.flatten(1)[:, begin - top * n : end - top * n]
