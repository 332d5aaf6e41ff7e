"""Directions of a client that are orthogonal to each other, each of them of random signs.

    D       signs (or Gaussian numbers) of a client in a round, (d,)
    h_s     row s of the Walsh-Hadamard matrix of size n, repeated along w; n = 2^m >= S
    u_s     D h_s, entry by entry

Entry j of h_s is (-1)^b, b the number of bits that s and j mod n have in common. h_0 is all ones,
so u_0 = D, and each u_s is distributed as D is. With signs u_s'u_r is the sum of h_s h_r, which is
0 over any n entries in a row; the d mod n last ones leave at most n / 2 by size.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from zowarmup.models.directions import Directions


@lru_cache
@torch.inference_mode(False)  # else the cached tensor could not be used outside of this mode
def hadamard(n: int, device: torch.device) -> Tensor:
    """The Walsh-Hadamard matrix of size n, a power of two, (n, n) float32 (Sylvester)."""
    H = torch.ones(1, 1, device=device)
    while len(H) < n:
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    return H


@dataclass(frozen=True, eq=False, kw_only=True)
class Orthogonal(Directions):
    """The directions D h_s; `keys` holds the key of D, once for each s.

    Attributes:
        s: (P,) int64, the row of the matrix for each direction.
        n: size of the matrix.
    """

    s: Tensor
    n: int

    def part(self, rows: slice, start: int, stop: int, scale: float = 1.0) -> Tensor:
        """Entries start..stop-1 of scale * u for some rows, (rows, stop - start) float32."""
        places = torch.arange(start, stop, device=self.keys.device) % self.n
        signs = hadamard(self.n, self.keys.device)[self.s[rows]][:, places]
        return super().part(rows, start, stop, scale).mul_(signs)

    def take(self, rows: Tensor) -> "Orthogonal":
        """Return the directions `rows`, in this order; kept directions are not made again."""
        taken = replace(self, keys=self.keys[rows], s=self.s[rows])
        if self.kept and taken.kept:
            vars(taken)["dense"] = self.dense[rows]
        return taken


def orthogonal(D: Directions, S: int) -> Orthogonal:
    """Return S orthogonal directions for each row of D, rows (client, s) in sorted order."""
    s = torch.arange(S, device=D.keys.device).repeat(len(D.keys))
    keys = D.keys.repeat_interleave(S)
    return Orthogonal(keys, D.d, D.distribution, s=s, n=1 << (S - 1).bit_length())
