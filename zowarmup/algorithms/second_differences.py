"""Gradient and curvature from losses at w, w + r u and w - r u, by forward passes alone.

    u_s     direction of signs, s = 1..D, the same for all clients;  r: length of the moves
    c_is    (L_i(w + r u_s) - L_i(w - r u_s)) / 2r, client i's slope along u_s
    |g|^2   mean over s of (sum_i p_i c_is)^2
    B^2     mean over s of sum_i p_i c_is^2, divided by |g|^2
    T       trace of H: mean over s of (L(w + r u_s) + L(w - r u_s) - 2 L(w)) / r^2

If the u_s are 0 outside of a subset of the parameters, these are the values within the subset.

Reference: Hutchinson 1990, doi:10.1080/03610919008812866 (the trace).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.models.directions import Directions, child


@dataclass(frozen=True)
class Along:
    """The measurements along each direction, (D,) float64 each.

    Attributes:
        squares: (sum_i p_i c_is)^2, with mean |g|^2.
        own: sum_i p_i c_is^2, with mean B^2 |g|^2.
        bends: second differences of L, with mean T.
    """

    squares: Tensor
    own: Tensor
    bends: Tensor


def shared(base: Tensor, t: int, count: int, clients: int, d: int) -> Directions:
    """The same `count` directions of signs for each of the clients.

    Args:
        base: (1,) int64, the key of the purpose.
        t: the round.
    """
    of_round = child(base, torch.tensor([t], device=base.device))
    keys = child(of_round, torch.arange(count, device=base.device))
    return Directions(keys.repeat(clients), d, "rademacher")


def losses(engine: Engine, clients: Sequence[int], w: Tensor) -> Tensor:
    """Each client's mean loss at w, (A,) float64, in the same batches as two-point losses."""
    base = torch.zeros(1, dtype=torch.int64, device=w.device)
    nowhere = shared(base, 0, 1, len(clients), len(w))
    return engine.two_point(w, clients, nowhere, 0.0)[:, 0, 0]


def measure(
    engine: Engine,
    clients: Sequence[int],
    p: Tensor,
    u: Directions,
    r: float,
    w: Tensor,
    at_w: Tensor,
) -> Along:
    """Measure slopes and bends along shared directions.

    Args:
        p: (A,) float64, the clients' shares.
        u: the same D directions for each client, as from `shared`.
        r: length of the moves, for each entry of w.
        at_w: (A,) the clients' losses at w.
    """
    two = engine.two_point(w, clients, u, r)
    slopes = (two[..., 0] - two[..., 1]) / (2 * r)  # (A, D)
    bends = p @ (two.sum(dim=-1) - 2 * at_w[:, None]) / r**2
    return Along((p @ slopes).square(), p @ slopes.square(), bends)


def curvature(
    engine: Engine,
    clients: Sequence[int],
    p: Tensor,
    h: Tensor,
    length: float,
    w: Tensor,
    at_w: Tensor,
) -> float:
    """The curvature of the clients' mean loss along h, (d,); NaN if h is zero.

    Args:
        length: of the move.
    """
    move = h * (length / h.norm())
    both = torch.stack([losses(engine, clients, w + sign * move) for sign in (1, -1)])
    return ((both @ p).sum().item() - 2 * (p @ at_w).item()) / length**2
