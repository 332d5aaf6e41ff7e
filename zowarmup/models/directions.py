"""Directions made from a seed: equal bits for any chunking and, if Rademacher, on any device.

    sigma   key of one direction: word(word(word(base, round), client), s)
    u       unit direction, u_j in {-1, +1} (Rademacher) or N(0, 1) (Gaussian)
    z       tau * u, along which the weights move

The generator is splitmix64 read by counter: word k of a key is mix(key + (k + 1) * GOLDEN) in
64-bit wrap-around arithmetic, so any part of any direction can be made without the rest. Entry j of
a Rademacher direction is bit j mod 64 of word j div 64 (1 gives +1). The numbers of a
torch.Generator would depend on the device and on the size.

Reference: Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195 (splitmix64).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

from zowarmup.common import seeds

GOLDEN = seeds.signed(0x9E3779B97F4A7C15)
MIX_1 = seeds.signed(0xBF58476D1CE4E5B9)
MIX_2 = seeds.signed(0x94D049BB133111EB)

Place: TypeAlias = "slice[int, int, None]"  # a range of entries in the flat vector

EVERYONE = -1  # replaces the number of the client if all clients share their directions
# Entries made at a time: on a CPU a megabyte, which stays in the cache until it is used; on a GPU
# more, because a GPU idles between small pieces.
CHUNK = {"cpu": 1 << 18, "cuda": 1 << 24}
SHORT = 1 << 17  # directions are made once and kept if each has at most SHORT entries
DENSE = 1 << 24  # and all of them together have at most DENSE entries (64 MiB)


def mix(z: Tensor) -> Tensor:
    """Apply the finaliser of splitmix64 to int64 tensors, in place; its shifts are logical."""
    z.bitwise_xor_((z >> 30).bitwise_and_((1 << 34) - 1)).mul_(MIX_1)
    z.bitwise_xor_((z >> 27).bitwise_and_((1 << 37) - 1)).mul_(MIX_2)
    return z.bitwise_xor_((z >> 31).bitwise_and_((1 << 33) - 1))


def words(keys: Tensor, start: int, stop: int) -> Tensor:
    """Words start..stop-1 of each key: (P,) int64 -> (P, stop - start) int64."""
    counter = torch.arange(start + 1, stop + 1, device=keys.device).mul_(GOLDEN)
    return mix(keys[:, None] + counter)


def child(keys: Tensor, index: Tensor) -> Tensor:
    """Return child keys: word `index` of each key, with the shapes broadcast."""
    return mix(keys + (index + 1) * GOLDEN)


def permutations(base: int, path: Sequence[int], rows: Sequence[int], n: int) -> Tensor:
    """One random order of 0..n-1 for each row, (len(rows), n) int64, equal on every device.

    Args:
        base: key of the purpose, from `seeds.key`.
        path: indices that all rows share, e.g. the round.
        rows: the index of each row, e.g. the clients.
    """
    return words(_below(base, path, rows), 0, n).argsort(dim=1, stable=True)


def uniform(base: int, path: Sequence[int], rows: Sequence[int], n: int) -> Tensor:
    """n numbers in [0, 1) for each row, (len(rows), n) float64; arguments as in `permutations`."""
    bits = (words(_below(base, path, rows), 0, n) >> 11) & ((1 << 53) - 1)
    return bits.double() * 2.0**-53


def _below(base: int, path: Sequence[int], rows: Sequence[int]) -> Tensor:
    keys = torch.tensor([seeds.signed(base)])
    for index in path:
        keys = child(keys, torch.tensor([index]))
    return child(keys, torch.tensor(rows, dtype=torch.int64))


def rademacher(keys: Tensor, start: int, stop: int, scale: float = 1.0) -> Tensor:
    """Entries start..stop-1 of the directions of `keys`: (P,) -> (P, stop - start) of +-scale."""
    first = start // 64
    octets = words(keys, first, -(-stop // 64)).view(torch.uint8).int()
    u = torch.nn.functional.embedding(octets, scale * _signs(keys.device)).flatten(1)
    return u[:, start - 64 * first : stop - 64 * first]


@lru_cache
@torch.inference_mode(False)  # else the cached tensor could not be used outside of this mode
def _signs(device: torch.device) -> Tensor:
    """The eight signs that each byte stands for, (256, 8) float32."""
    bits = torch.arange(256, device=device)[:, None] >> torch.arange(8, device=device)
    return (bits & 1).float().mul_(2).sub_(1)


def gaussian(keys: Tensor, start: int, stop: int, scale: float = 1.0) -> Tensor:
    """As `rademacher`, for scale * N(0, 1), by Box-Muller: word k gives entries 2k and 2k + 1.

    Logarithm and cosine differ between devices in the last bit, so these directions do too.
    """
    first = start // 2
    bits = words(keys, first, -(-stop // 2))
    radius = ((bits >> 32) & 0xFFFFFFFF).add_(1).double().mul_(2.0**-32).log_().mul_(-2).sqrt_()
    angle = (bits & 0xFFFFFFFF).double().mul_(2 * math.pi * 2.0**-32)
    u = torch.stack((radius * angle.cos(), radius * angle.sin()), dim=-1).flatten(1).float()
    return u[:, start - 2 * first : stop - 2 * first].mul_(scale)


DISTRIBUTIONS = {"rademacher": rademacher, "gaussian": gaussian}


@dataclass(frozen=True)
class Directions:
    """The unit directions u of one round, row j = (client, s) in sorted order.

    Attributes:
        keys: (P,) int64, P = clients x S.
        distribution: "rademacher" or "gaussian".
        spans: (P, 2) int64, the places start..stop-1 outside of which a direction is 0; None for
            directions without zeros.
    """

    keys: Tensor
    d: int
    distribution: str
    spans: Tensor | None = None

    def part(self, rows: slice, start: int, stop: int, scale: float = 1.0) -> Tensor:
        """Entries start..stop-1 of scale * u for some rows, (rows, stop - start) float32."""
        u = DISTRIBUTIONS[self.distribution](self.keys[rows], start, stop, scale)
        if self.spans is None:
            return u
        places, (first, last) = torch.arange(start, stop, device=u.device), self.spans[rows].T
        return u * ((first[:, None] <= places) & (places < last[:, None]))

    def take(self, rows: Tensor) -> "Directions":
        """Return the directions `rows`, in this order; kept directions are not made again."""
        spans = None if self.spans is None else self.spans[rows]
        taken = replace(self, keys=self.keys[rows], spans=spans)
        if self.kept and taken.kept:
            vars(taken)["dense"] = self.dense[rows]
        return taken

    @property
    def kept(self) -> bool:
        """Whether the directions are short and few enough to be made once and kept."""
        return self.d <= SHORT and len(self.keys) * self.d <= DENSE

    @cached_property
    def dense(self) -> Tensor:
        """All directions, (P, d) float32."""
        return self.part(slice(None), 0, self.d)

    def row(self, j: int) -> Tensor:
        """Direction j, (d,) float32."""
        return torch.cat([piece for _, piece in self.pieces(j)])

    def pieces(self, j: int, scale: float = 1.0) -> Iterator[tuple[Place, Tensor]]:
        """Yield scale * u_j piece by piece, as pairs (place, piece)."""
        if self.kept:
            yield slice(0, self.d), scale * self.dense[j]
            return
        for at in self.chunks():
            yield at, self.part(slice(j, j + 1), at.start, at.stop, scale)[0]

    def blocks(self) -> Iterator[tuple[Place, Iterable[Tensor]]]:
        """Yield each place with the pieces of all directions there, j = 0..P-1."""
        if self.kept:
            yield slice(0, self.d), self.dense
            return
        for at in self.chunks():
            rows = (slice(j, j + 1) for j in range(len(self.keys)))
            yield at, (self.part(row, at.start, at.stop)[0] for row in rows)

    def chunks(self) -> Iterator[Place]:
        """Return places that together cover each parameter once."""
        size = CHUNK[self.keys.device.type]
        return (slice(start, min(start + size, self.d)) for start in range(0, self.d, size))

    def both_sides(self, w: Tensor, j: int, radius: float, out: Tensor) -> None:
        """Write w + radius u_j and w - radius u_j into the rows of `out`, (2, d), in one pass."""
        above, below = out
        for at, move in self.pieces(j, radius):
            torch.add(w[at], move, out=above[at])
            torch.sub(w[at], move, out=below[at])


def draw(
    seed: int,
    t: int,
    clients: Sequence[int],
    S: int,
    d: int,
    *,
    distribution: str = "rademacher",
    shared: bool = False,
    device: torch.device | str = "cpu",
) -> Directions:
    """Return the directions of a round, which depend on the arguments alone.

    Args:
        t: global round, counted from 1 at the first round of the warm-up.
        clients: the cohort, sorted.
        S: directions per client.
        d: number of parameters.
        shared: all clients use the same S directions, instead of S for each client.
    """
    base = torch.tensor([seeds.signed(seeds.key("directions", seed))], device=device)
    names = [EVERYONE] * len(clients) if shared else list(clients)
    of_round = child(base, torch.tensor([t], device=device))
    of_client = child(of_round, torch.tensor(names, device=device))
    keys = child(of_client[:, None], torch.arange(S, device=device)).flatten()
    return Directions(keys, d, distribution)
