"""A probe: what all clients measure at a model of the warm-up, by forward passes alone.

    u_s         direction of signs, s = 1..S, the same for all clients;  r = eps
    c_is        (L_i(w + r u_s) - L_i(w - r u_s)) / 2r, client i's slope along u_s
    |g|^2       mean over s of (sum_i p_i c_is)^2
    B^2         mean over s of sum_i p_i c_is^2, divided by |g|^2
    T           mean over s of (L(w + r u_s) + L(w - r u_s) - 2 L(w)) / r^2
    lambda      the same second difference along the last step of the warm-up, of length 10 r

A client sends its 2 S + 3 losses and how many of its held-out images are classified right. A client
outside of the warm-up's cohorts downloads the model for that and, with directions, its last step.

Reference: Hutchinson 1990, doi:10.1080/03610919008812866 (the trace).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.precision import check_radius
from zowarmup.common import seeds
from zowarmup.models.directions import Directions, child
from zowarmup.plan.pivots.probe import Probe, ProbesSpec
from zowarmup.plan.specs import Tier
from zowarmup.training.context import Context
from zowarmup.training.evaluate import heldout_accuracies
from zowarmup.training.phases import TrainingPhase

FLOAT = 4  # bytes
LONG = 10.0  # length of the move along the last step, in units of eps


@dataclass(frozen=True)
class Estimated:
    """The estimates of one probe, see plan.pivots.probe."""

    gradient_square: float = math.nan
    gradient_square_error: float = math.nan
    dissimilarity: float = math.nan
    dissimilarity_error: float = math.nan
    trace: float = math.nan
    trace_error: float = math.nan
    top: float = math.nan


def probe(
    context: Context,
    phase: TrainingPhase,
    settings: ProbesSpec,
    seed: int,
    t: int,
    w: Tensor,
    before: Tensor,
) -> Probe:
    """Measure the model of round t.

    Args:
        phase: the warm-up.
        seed: names the directions, together with t.
        w, before: (d,) the model after the round and before it.
    """
    at_w = losses(context, w)
    estimated = Estimated()
    if settings.directions:
        estimated = estimates(context, settings, seed, t, w, before, at_w)
    loss, heldout = _of_tiers(context, at_w), heldout_accuracies(context, w)
    return Probe(
        round=t,
        **vars(estimated),
        loss=loss["all"],
        loss_high=loss["high"],
        loss_low=loss["low"],
        heldout=heldout["all"],
        heldout_high=heldout["high"],
        heldout_low=heldout["low"],
        **costs(context, phase, settings.directions),
    )


def estimates(
    context: Context,
    settings: ProbesSpec,
    seed: int,
    t: int,
    w: Tensor,
    before: Tensor,
    at_w: Tensor,
) -> Estimated:
    """Estimate gradient and curvature of the loss of all clients.

    Args:
        at_w: (K,) the clients' losses at w.
    """
    r, p = settings.eps, _shares(context)
    check_radius(w, r, 1.0)
    u = directions(seed, t, settings.directions, context, w)
    two = context.engine.two_point(w, context.tiers["all"], u, r)  # (K, S, 2)
    slopes = (two[..., 0] - two[..., 1]) / (2 * r)
    squares, own = (p @ slopes).square(), p @ slopes.square()
    bends = p @ (two.sum(dim=-1) - 2 * at_w[:, None]) / r**2
    return Estimated(
        *_mean(squares),
        *_ratio(own, squares),
        *_mean(bends),
        along(context, w, w - before, LONG * r, (p @ at_w).item()),
    )


def along(context: Context, w: Tensor, step: Tensor, length: float, at_w: float) -> float:
    """The curvature of the loss of all clients along a step; NaN if the step is zero."""
    move = step * (length / step.norm())
    both = torch.stack([losses(context, w + sign * move) for sign in (1, -1)])
    return ((both @ _shares(context)).sum().item() - 2 * at_w) / length**2


def losses(context: Context, w: Tensor) -> Tensor:
    """Each client's mean loss at w, (K,) float64, in the same batches as two-point losses."""
    clients = context.tiers["all"]
    nowhere = directions(0, 0, 1, context, w)
    return context.engine.two_point(w, clients, nowhere, 0.0)[:, 0, 0]


def directions(seed: int, t: int, count: int, context: Context, w: Tensor) -> Directions:
    """The directions of a probe: the same `count` ones for every client."""
    base = torch.tensor([seeds.signed(seeds.key("probes", seed))], device=w.device)
    of_round = child(base, torch.tensor([t], device=w.device))
    keys = child(of_round, torch.arange(count, device=w.device))
    return Directions(keys.repeat(len(context.tiers["all"])), len(w), "rademacher")


def costs(context: Context, phase: TrainingPhase, count: int) -> dict[str, int]:
    """The bytes and passes of a probe of all clients, by the names of the columns.

    A client that trains in every round of the warm-up has the model of the next round anyway.
    """
    clients, low = context.tiers["all"], context.low
    trains = set(phase.clients) if phase.participation == 1 else set()
    up = FLOAT * (2 * count + 4 if count else 2)
    down = FLOAT * context.model.d * (2 if count else 1)
    away = [client for client in clients if client not in trains]
    passes = 2 * count + 3 if count else 1
    return {
        "bytes_up": up * len(clients),
        "bytes_down": down * len(away),
        "bytes_up_low": up * len(low),
        "bytes_down_low": down * len(low & set(away)),
        "forward_passes": passes * sum(context.sizes) + len(context.heldout),
    }


def _shares(context: Context) -> Tensor:
    """p_i, (K,) float64."""
    sizes = torch.tensor(context.sizes, dtype=torch.float64, device=context.device)
    return sizes / sizes.sum()


def _of_tiers(context: Context, values: Tensor) -> dict[Tier, float]:
    """The mean of the clients' losses over each tier's images; NaN for a tier without clients."""
    means: dict[Tier, float] = dict.fromkeys(("all", "high", "low"), math.nan)
    for tier, clients in context.tiers.items():
        if clients:
            p = _shares(context)[list(clients)]
            means[tier] = (p @ values[list(clients)] / p.sum()).item()
    return means


def _mean(values: Tensor) -> tuple[float, float]:
    """Mean and standard error."""
    return values.mean().item(), (values.std() / len(values) ** 0.5).item()


def _ratio(above: Tensor, below: Tensor) -> tuple[float, float]:
    """Ratio of the means, and its standard error by the jackknife."""
    n, whole = len(above), (above.sum() / below.sum()).item()
    without = (above.sum() - above) / (below.sum() - below)
    spread = (without - without.mean()).square().sum()
    return whole, (spread * (n - 1) / n).sqrt().item()
