"""The quality of zeroth-order steps, compared with true gradients, which no client computes.

    g_i, p_i    gradient of client i's mean loss, its share of the images;  g = sum_i p_i g_i
    B^2         dissimilarity sum_i p_i |g_i|^2 / |g|^2, 1 if all clients share one gradient

With P directions in all, each tried on the images of one client, the expected squared error is
B^2 d / P |g|^2, so that the cosine to g is about sqrt(P / (P + B^2 d)). With B^2 = 1 this is the
cosine of P directions that are each tried on the images of all clients.

Reference: Li et al. 2018, arXiv:1812.06127 (B, the local dissimilarity).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.training.context import Context


@dataclass(frozen=True)
class Quality:
    """The quality of a step; NaN if no zeroth-order step was made.

    Attributes:
        gradient_cosine: between the step of a round and the gradient at the step's start.
        dissimilarity: B^2 at the step's start.
    """

    gradient_cosine: float = math.nan
    dissimilarity: float = math.nan


def quality(context: Context, clients: Sequence[int], before: Tensor, after: Tensor) -> Quality:
    """The quality of one round's step.

    Args:
        clients: the clients over whose images the gradient's loss is the mean.
        before, after: (d,) the model before and after the round.
    """
    g, squares = gradient(context, clients, before)
    step, length = (before - after).double(), g.norm()
    return Quality(
        gradient_cosine=(g @ step / (length * step.norm())).item(),
        dissimilarity=(squares / length.square()).item(),
    )


def gradient(context: Context, clients: Sequence[int], w: Tensor) -> tuple[Tensor, float]:
    """Return g, (d,) float64, and sum_i p_i |g_i|^2, at the model w."""
    total = sum(context.sizes[client] for client in clients)
    g, squares = torch.zeros_like(w, dtype=torch.float64), 0.0
    for client, g_i in zip(clients, context.engine.each_gradient(w, clients), strict=True):
        p_i = context.sizes[client] / total
        g.add_(g_i, alpha=p_i)
        squares += p_i * g_i.double().square().sum().item()
    return g, squares
