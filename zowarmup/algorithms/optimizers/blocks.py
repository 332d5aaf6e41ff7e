"""Blocks of w, one per layer, and how the directions of a round are allotted to them.

    B, d_b  number of blocks, number of parameters of block b
    P       number of directions in a round
    c       scalar of a direction that is 0 outside of its block
    G_b     moving average of c^2 over the directions in block b
    pi_b    probability that a direction lies in block b

The estimate sum_j (1 / pi_b) a_j z_j has the second moment sum_b d_b G_b / pi_b, up to a factor. It
is smallest for pi_b in proportion to sqrt(d_b G_b). A share `floor` of the probability is spread
equally, so that no block is forgotten. Before its first direction, a block is taken to have as much
G_b for each parameter as the others; in the first round pi_b is thus d_b / d, up to the floor.
"""

from collections.abc import Sequence
from itertools import accumulate, groupby

import torch
from torch import Tensor

from zowarmup.common.seeds import Seeds, key
from zowarmup.models.directions import permutations, uniform
from zowarmup.models.flat import FlatModel


def edges_of(model: FlatModel) -> list[int]:
    """Where each layer's parameters begin in w, and d: B + 1 places."""
    pairs = zip(model.names, model.sizes, strict=True)
    layers = groupby(pairs, key=lambda pair: pair[0].rpartition(".")[0])
    return [0, *accumulate(sum(size for _, size in layer) for _, layer in layers)]


def allocation(G: Tensor, edges: Sequence[int], floor: float) -> list[float]:
    """pi, for the next round.

    Args:
        G: (B,) float64, NaN for a block that has had no direction; empty before the first round.
    """
    d = torch.tensor(edges, dtype=torch.float64).diff()
    tried = G.isfinite() if len(G) else torch.zeros(len(d), dtype=torch.bool)
    G = G if len(G) else torch.full_like(d, torch.nan)
    of_parameter = G[tried].sum() / d[tried].sum() if tried.any() else torch.ones(()).double()
    weight = (d * torch.where(tried, G, d * of_parameter)).sqrt()
    share = weight / weight.sum() if weight.sum() > 0 else d / d.sum()
    return ((1 - floor) * share + floor / len(d)).tolist()


def allotted(t: int, n: int, pi: Sequence[float], seeds: Seeds) -> Tensor:
    """The block of each of n directions, (n,) int64: systematic sampling in random order.

    Direction j lies in block b with probability pi_b, and the number of directions in a block
    differs from n pi_b by less than 1.
    """
    order = permutations(key("block order", seeds.directions), (t,), [0], n)[0]
    offset = uniform(key("block offset", seeds.directions), (t,), [0], 1)[0]
    upper = torch.tensor(pi, dtype=torch.float64).cumsum(0)
    places = (order + offset) / n * upper[-1]
    return torch.searchsorted(upper, places, right=True).clamp_(max=len(pi) - 1)


def means(values: Tensor, blocks: Tensor, B: int) -> Tensor:
    """The mean of the values in each block, (B,) float64; NaN for a block without values."""
    zeros = torch.zeros(B, dtype=torch.float64)
    return zeros.index_add(0, blocks, values) / zeros.index_add(0, blocks, torch.ones_like(values))
