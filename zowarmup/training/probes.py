"""A probe: what all clients measure at a model of the warm-up, by forward passes.

    u_s         direction of signs, s = 1..S, the same for all clients;  r = eps
    c_is        (L_i(w + r u_s) - L_i(w - r u_s)) / 2r, client i's slope along u_s
    |g|^2       mean over s of (sum_i p_i c_is)^2
    B^2         mean over s of sum_i p_i c_is^2, divided by |g|^2
    T           mean over s of (L(w + r u_s) + L(w - r u_s) - 2 L(w)) / r^2
    lambda      the same second difference along h, by a move of length 10 r
    h           gradient of the clients that train in the warm-up, and so can backpropagate

The last step of the warm-up would cost no backward pass, but it shows a tenth of the curvature:
within its local epochs, the moves along steep directions cancel. A client sends its 2 S + 3 losses
and how many of its held-out images are classified right. A client that does not train in the
warm-up downloads the model for that, and every client h.

Reference: Hutchinson 1990, doi:10.1080/03610919008812866 (the trace).
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.algorithms.precision import check_radius
from zowarmup.algorithms.trial_steps import losses
from zowarmup.common.seeds import Seeds, key, signed
from zowarmup.models.directions import Directions, child
from zowarmup.plan.pivots.probe import Probe, ProbesSpec
from zowarmup.plan.specs import Tier
from zowarmup.training.context import Context
from zowarmup.training.evaluate import heldout_accuracies
from zowarmup.training.gradient_quality import gradient
from zowarmup.training.phases import TrainingPhase

FLOAT = 4  # bytes
LONG = 10.0  # length of the move along h, in units of eps


@dataclass(frozen=True)
class Estimated:
    """The estimates of one probe, see plan.pivots.probe."""

    gradient_square: float = math.nan
    gradient_square_error: float = math.nan
    dissimilarity: float = math.nan
    dissimilarity_error: float = math.nan
    trace: float = math.nan
    trace_error: float = math.nan
    curvature: float = math.nan


def probe(
    context: Context,
    phase: TrainingPhase,
    settings: ProbesSpec,
    seeds: Seeds,
    t: int,
    w: Tensor,
) -> Probe:
    """Measure the model of round t, (d,).

    Args:
        phase: the warm-up.
    """
    at_w, estimated = _losses(context, w), Estimated()
    if settings.directions:
        u = directions(seeds.directions, t, settings.directions, context, w)
        h, _ = gradient(context, phase.clients, w)
        estimated = estimates(context, settings.eps, u, h.float(), w, at_w)
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
    context: Context, r: float, u: Directions, h: Tensor, w: Tensor, at_w: Tensor
) -> Estimated:
    """Estimate gradient and curvature of the loss of all clients.

    Args:
        r: length of the moves along u, for each entry of w.
        at_w: (K,) the clients' losses at w.
    """
    check_radius(w, r, 1.0, "probes.eps")
    p, two = _shares(context), context.engine.two_point(w, context.tiers["all"], u, r)
    slopes = (two[..., 0] - two[..., 1]) / (2 * r)  # (K, S)
    squares, own = (p @ slopes).square(), p @ slopes.square()
    bends = p @ (two.sum(dim=-1) - 2 * at_w[:, None]) / r**2
    return Estimated(
        *_mean(squares),
        *_ratio(own, squares),
        *_mean(bends),
        along(context, w, h, LONG * r, (p @ at_w).item()),
    )


def along(context: Context, w: Tensor, h: Tensor, length: float, at_w: float) -> float:
    """The curvature of the loss of all clients along h; NaN if h is zero."""
    move = h * (length / h.norm())
    both = torch.stack([_losses(context, w + sign * move) for sign in (1, -1)])
    return ((both @ _shares(context)).sum().item() - 2 * at_w) / length**2


def _losses(context: Context, w: Tensor) -> Tensor:
    return losses(context.engine, context.tiers["all"], w)


def directions(seed: int, t: int, count: int, context: Context, w: Tensor) -> Directions:
    """The directions of a probe: the same `count` ones for every client."""
    base = torch.tensor([signed(key("probes", seed))], device=w.device)
    of_round = child(base, torch.tensor([t], device=w.device))
    keys = child(of_round, torch.arange(count, device=w.device))
    return Directions(keys.repeat(len(context.tiers["all"])), len(w), "rademacher")


def costs(context: Context, phase: TrainingPhase, count: int) -> dict[str, int]:
    """The bytes and passes of a probe of all clients, by the names of the columns.

    A client that trains in every round of the warm-up has the model of the next round anyway.
    """
    clients, low, model = context.tiers["all"], context.low, FLOAT * context.model.d
    trains = set(phase.clients) if phase.participation == 1 else set()
    estimated = count > 0  # then h travels too
    up = FLOAT * (2 * count + 4 if estimated else 2)
    ups = {i: up + model * (estimated and i in phase.clients) for i in clients}
    downs = {i: model * ((i not in trains) + estimated) for i in clients}
    backward = sum(context.sizes[i] for i in phase.clients) * estimated
    passes = 2 * count + 3 if estimated else 1
    return {
        "bytes_up": sum(ups.values()),
        "bytes_down": sum(downs.values()),
        "bytes_up_low": sum(ups[i] for i in low),
        "bytes_down_low": sum(downs[i] for i in low),
        "forward_passes": passes * sum(context.sizes) + len(context.heldout) + backward,
        "backward_passes": backward,
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
