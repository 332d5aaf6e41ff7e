"""The updates of local SGD and of local zeroth-order steps, and the mask of absent classes.

They serve one client, with w (d,), or B clients side by side, with w (B, d); every other argument
has the same leading dimension.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.engines.client_groups import ClientImages
from zowarmup.engines.images import Images
from zowarmup.models.flat import FlatModel

Batch = TypeVar("Batch", Images, ClientImages)

TINY = 1e-6  # added to a norm, as torch.nn.utils.clip_grad_norm_ does


def batches(epochs: Sequence[Batch], orders: Tensor, batch: int) -> Iterator[Batch]:
    """Yield the images of each local step; the last batch of an epoch may be smaller.

    Args:
        epochs: the images of a client, or of B clients with n each, as each epoch shows them.
        orders: ([B,] E, n_max); in each row, only the numbers below n count.
    """
    n, orders = len(epochs[0]), orders.to(epochs[0].y.device)
    visits = orders[orders < n].view(*orders.shape[:-1], n)
    for images, order in zip(epochs, visits.unbind(-2), strict=True):
        yield from map(images.take, order.split(batch, dim=-1))


def start(w: Tensor, sgd: SGD) -> Tensor:
    """Return the momentum buffer before the first step; it is empty without momentum."""
    return torch.zeros_like(w) if sgd.momentum else w.new_empty(0)


def sgd_step(w: Tensor, g: Tensor, buffer: Tensor, sgd: SGD) -> None:
    """Take a step along the gradient g; this overwrites w, g and the buffer (see `start`).

    If clip and momentum are 0, this is plain SGD, bit for bit.
    """
    if sgd.clip:
        norm = torch.linalg.vector_norm(g, dim=-1, keepdim=True)
        g.mul_((sgd.clip / (norm + TINY)).clamp_(max=1))
    g.add_(w, alpha=sgd.weight_decay)
    if sgd.momentum:
        g = buffer.mul_(sgd.momentum).add_(g)
    w.sub_(g, alpha=sgd.lr)


def present(y: Tensor, model: FlatModel) -> Tensor:
    """Return whether each class is among the labels: ([B,] n) -> ([B,] C) bool.

    The last parameter of a network has a row for each class.
    """
    return (y[..., None] == torch.arange(model.shapes[-1][0], device=y.device)).any(-2)


def absent(y: Tensor, model: FlatModel, sgd: SGD) -> Tensor | None:
    """The classes whose logits count as 0 in the loss, ([B,] C) bool; None without a mask."""
    return ~present(y, model) if sgd.masked else None


def scalars(losses: Tensor, eps: float) -> Tensor:
    """c of each direction from the losses on both sides, (..., 2) float64 -> (...) float32.

    A c that is not finite becomes 0, so that one bad batch does not end the local steps.
    """
    c = ((losses[..., 0] - losses[..., 1]) / (2 * eps)).float()
    return c.where(c.isfinite(), 0.0)


def zo_step(w: Tensor, c: Tensor, u: Iterable[Tensor], zo: LocalZO) -> Tensor:
    """w - lr / S * sum_s c_s tau u_s, summed in the order of s.

    As in algorithms.zo, the coefficient is rounded before it multiplies u.

    Args:
        c: ([B,] S) float32.
        u: S directions, each shaped as w.
    """
    total = torch.zeros_like(w)
    for a_s, u_s in zip((c.double() * zo.tau).to(w).unbind(-1), u, strict=True):
        total.addcmul_(a_s[..., None], u_s)
    return w - zo.lr / c.shape[-1] * total
