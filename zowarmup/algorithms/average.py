"""The weighted average of the clients' models."""

from collections.abc import Iterable

import torch
from torch import Tensor


def average(
    w: Tensor, local: Iterable[Tensor], shares: Iterable[float | Tensor], lr: float = 1.0
) -> Tensor:
    """w - lr * sum_i p_i (w - w_i): the server's step along the weighted mean of differences."""
    return w - lr * difference(w, local, shares)


def difference(w: Tensor, local: Iterable[Tensor], shares: Iterable[float | Tensor]) -> Tensor:
    """sum_i p_i (w - w_i), the pseudo-gradient of a round.

    Models are added one at a time, in order, so the result does not depend on how many clients an
    engine trains side by side. Product and sum are rounded separately, so that one share for all
    elements and a vector of equal shares give the same bits on every device.

    Args:
        w: (d,) the model that the clients started from; not changed.
        local: the clients' models, (d,) each.
        shares: p_i, one per client; a (d,) float32 vector where clients hold parts of the model.
    """
    step = torch.zeros_like(w)
    for w_i, p_i in zip(local, shares, strict=True):
        step.add_((w - w_i).mul_(p_i))
    return step
