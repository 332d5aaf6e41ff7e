"""Directions that a seed stands for, bit for bit the same on every device and for any chunking.

    sigma   key of one direction: word(word(word(base, round), client), s)
    u       unit direction, u_j in {-1, +1} (Rademacher) or N(0, 1) (Gaussian)
    z       tau * u, what the weights are moved along

The generator is splitmix64 read by counter: word k of a key is mix(key + (k + 1) * GOLDEN) in
64-bit wrap-around arithmetic, so any part of any direction can be made without the rest. Entry j of
a Rademacher direction is bit j mod 64 of word j div 64 (1 gives +1), j being the index of the
parameter in the flat vector. A torch.Generator promises neither: its stream differs between CPU and
CUDA and between sizes.

Reference: Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195 (splitmix64).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from zowarmup.settings import seeds

GOLDEN = seeds.signed(0x9E3779B97F4A7C15)
MIX_1 = seeds.signed(0xBF58476D1CE4E5B9)
MIX_2 = seeds.signed(0x94D049BB133111EB)

EVERYONE = -1  # the client that stands for all where clients share their directions
CHUNK = 1 << 20  # parameters made at a time, so that a direction never needs 4 d bytes
DENSE = 1 << 24  # directions of up to so many entries (64 MiB) are made once and kept


def mix(z: Tensor) -> Tensor:
    """The finaliser of splitmix64 on int64 tensors, in place; shifts are logical."""
    z.bitwise_xor_((z >> 30).bitwise_and_((1 << 34) - 1)).mul_(MIX_1)
    z.bitwise_xor_((z >> 27).bitwise_and_((1 << 37) - 1)).mul_(MIX_2)
    return z.bitwise_xor_((z >> 31).bitwise_and_((1 << 33) - 1))


def words(keys: Tensor, start: int, stop: int) -> Tensor:
    """Words start..stop-1 of each key: (P,) int64 -> (P, stop - start) int64."""
    counter = torch.arange(start + 1, stop + 1, device=keys.device).mul_(GOLDEN)
    return mix(keys[:, None] + counter)


def child(keys: Tensor, index: Tensor) -> Tensor:
    """The keys below `keys`: word `index` of each, shapes broadcast."""
    return mix(keys + (index + 1) * GOLDEN)


def permutations(base: int, path: Sequence[int], rows: Sequence[int], n: int) -> Tensor:
    """One random order of 0..n-1 for each row, a function of the names alone.

    Args:
        base: key of the purpose, from `seeds.key`.
        path: indices that all rows share, e.g. the round.
        rows: the index of each row, e.g. the clients.
        n: length of an order.

    Returns:
        (len(rows), n) int64: the ranks of n random 64-bit words, so equal on every device.
    """
    return words(_below(base, path, rows), 0, n).argsort(dim=1, stable=True)


def uniform(base: int, path: Sequence[int], rows: Sequence[int], n: int) -> Tensor:
    """n numbers in [0, 1) for each row, (len(rows), n) float64; arguments as above."""
    bits = (words(_below(base, path, rows), 0, n) >> 11) & ((1 << 53) - 1)
    return bits.double() * 2.0**-53


def _below(base: int, path: Sequence[int], rows: Sequence[int]) -> Tensor:
    keys = torch.tensor([seeds.signed(base)])
    for index in path:
        keys = child(keys, torch.tensor([index]))
    return child(keys, torch.tensor(rows, dtype=torch.int64))


def rademacher(keys: Tensor, start: int, stop: int) -> Tensor:
    """Entries start..stop-1 of the directions of `keys`: (P,) -> (P, stop - start) of -1 and +1."""
    first = start // 64
    octets = words(keys, first, -(-stop // 64)).view(torch.uint8).int()
    table = torch.arange(256, device=keys.device)[:, None] >> torch.arange(8, device=keys.device)
    signs = (table & 1).float().mul_(2).sub_(1)  # the eight signs of each octet
    u = torch.nn.functional.embedding(octets, signs).flatten(1)
    return u[:, start - 64 * first : stop - 64 * first]


def gaussian(keys: Tensor, start: int, stop: int) -> Tensor:
    """The same for N(0, 1), by Box and Muller: word k gives the entries 2k and 2k + 1.

    Logarithm and cosine differ between devices in the last bit, so these directions do too.
    """
    first = start // 2
    bits = words(keys, first, -(-stop // 2))
    radius = ((bits >> 32) & 0xFFFFFFFF).add_(1).double().mul_(2.0**-32).log_().mul_(-2).sqrt_()
    angle = (bits & 0xFFFFFFFF).double().mul_(2 * math.pi * 2.0**-32)
    u = torch.stack((radius * angle.cos(), radius * angle.sin()), dim=-1).flatten(1).float()
    return u[:, start - 2 * first : stop - 2 * first]


DISTRIBUTIONS = {"rademacher": rademacher, "gaussian": gaussian}


@dataclass(frozen=True)
class Directions:
    """The unit directions u of one round, row j = (client, s) in sorted order.

    Attributes:
        keys: (P,) int64, P = clients x S.
        d: number of parameters.
        distribution: "rademacher" or "gaussian".
    """

    keys: Tensor
    d: int
    distribution: str

    def part(self, rows: slice, start: int, stop: int) -> Tensor:
        """Entries start..stop-1 of some rows, (rows, stop - start) float32."""
        return DISTRIBUTIONS[self.distribution](self.keys[rows], start, stop)

    def take(self, rows: Tensor) -> "Directions":
        """Some of them, in the order of `rows`; what is made already is not made again."""
        some = Directions(self.keys[rows], self.d, self.distribution)
        if max(len(self.keys), len(rows)) * self.d <= DENSE:
            vars(some)["dense"] = self.dense[rows]
        return some

    @cached_property
    def dense(self) -> Tensor:
        """All of them, (P, d) float32."""
        return self.part(slice(None), 0, self.d)

    def row(self, j: int) -> Tensor:
        """Direction j, (d,) float32."""
        return self.dense[j] if len(self.keys) * self.d <= DENSE else self._long_row(j)

    def _long_row(self, j: int) -> Tensor:
        starts = range(0, self.d, CHUNK)
        return torch.cat([self.part(slice(j, j + 1), a, min(a + CHUNK, self.d))[0] for a in starts])

    def blocks(self) -> Iterator[tuple[int, int, Iterator[Tensor]]]:
        """(start, stop, rows) that tile the parameters; the rows come in order j = 0..P-1."""
        if len(self.keys) * self.d <= DENSE:
            yield 0, self.d, iter(self.dense)
            return
        for start in range(0, self.d, CHUNK):
            stop = min(start + CHUNK, self.d)
            parts = (self.part(slice(j, j + 1), start, stop)[0] for j in range(len(self.keys)))
            yield start, stop, parts


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
    """The directions of a round, from their names alone.

    Args:
        seed: the run's direction seed.
        t: global round, counted from 1 at the first round of the warm-up.
        clients: the cohort, sorted.
        S: directions per client.
        d: number of parameters.
        distribution: "rademacher" or "gaussian".
        shared: all clients use the same S directions, instead of S of their own.
        device: where the directions are made.
    """
    base = torch.tensor([seeds.signed(seeds.key("directions", seed))], device=device)
    names = [EVERYONE] * len(clients) if shared else list(clients)
    of_round = child(base, torch.tensor([t], device=device))
    of_client = child(of_round, torch.tensor(names, device=device))
    keys = child(of_client[:, None], torch.arange(S, device=device)).flatten()
    return Directions(keys, d, distribution)
