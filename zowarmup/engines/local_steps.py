"""What clients compute between two passes: SGD's and the zeroth-order step, and the class mask.

One client at a time or several side by side: w is (d,) or (B, d), whatever else there is has the
same leading dimension.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from zowarmup.algorithms.rounds import SGD
from zowarmup.engines.client_groups import Clients
from zowarmup.engines.images import Images
from zowarmup.models.flat import FlatModel

Some = TypeVar("Some", Images, Clients)

TINY = 1e-6  # what torch.nn.utils.clip_grad_norm_ adds to a norm


def batches(seen: Sequence[Some], orders: Tensor, batch: int) -> Iterator[Some]:
    """The images of each local step: epoch after epoch, the last batch smaller.

    Args:
        seen: the images of a client, or of B clients with as many each, as each epoch shows them.
        orders: ([B,] E, n_max); of each row only the numbers less than n count.
    """
    n, orders = len(seen[0]), orders.to(seen[0].y.device)
    visits = orders[orders < n].view(*orders.shape[:-1], n)
    for images, epoch in zip(seen, visits.unbind(-2), strict=True):
        yield from map(images.take, epoch.split(batch, dim=-1))


def start(w: Tensor, sgd: SGD) -> Tensor:
    """The momentum buffer before the first step; without momentum nothing of the size of w."""
    return torch.zeros_like(w) if sgd.momentum else w.new_empty(0)


def sgd_step(w: Tensor, g: Tensor, buffer: Tensor, sgd: SGD) -> None:
    """A step along the gradient g; w, g and the buffer, see `start`, are overwritten.

    Bit for bit plain SGD where clip and momentum are 0.
    """
    if sgd.clip:
        norm = torch.linalg.vector_norm(g, dim=-1, keepdim=True)
        g.mul_((sgd.clip / (norm + TINY)).clamp_(max=1))
    g.add_(w, alpha=sgd.weight_decay)
    if sgd.momentum:
        g = buffer.mul_(sgd.momentum).add_(g)
    w.sub_(g, alpha=sgd.lr)


def classes(model: FlatModel) -> int:
    """C of a network whose last parameter has a row for each class."""
    return model.shapes[-1][0]


def present(y: Tensor, C: int) -> Tensor:
    """Which classes are among the labels: ([B,] n) -> ([B,] C) bool."""
    return (y[..., None] == torch.arange(C, device=y.device)).any(-2)


def scalars(losses: Tensor, eps: float) -> Tensor:
    """c of each direction from the losses on both sides, (..., 2) float64 -> (...) float32.

    0 where it is not finite, so that one bad batch does not end a walk.
    """
    c = ((losses[..., 0] - losses[..., 1]) / (2 * eps)).float()
    return c.where(c.isfinite(), 0.0)


def zo_step(w: Tensor, c: Tensor, u: Iterable[Tensor], *, tau: float, lr: float) -> Tensor:
    """w - lr / S * sum_s c_s tau u_s, summed in the order of s.

    As in algorithms.zo the coefficient is rounded before it meets u.

    Args:
        c: ([B,] S) float32.
        u: S directions, each as w.
    """
    total = torch.zeros_like(w)
    for a_s, u_s in zip((c.double() * tau).to(w).unbind(-1), u, strict=True):
        total.addcmul_(a_s[..., None], u_s)
    return w - lr / c.shape[-1] * total
