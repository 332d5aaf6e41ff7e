"""The one average of client models."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def average(
    w: Tensor, local: Iterable[Tensor], weights: Sequence[float], lr: float = 1.0
) -> Tensor:
    """w - lr * sum_i p_i (w - w_i): the server's step along the weighted mean of differences.

    With lr = 1 the mean of the client models. One model is held at a time, in order, so the result
    does not depend on how many clients an engine trains side by side.

    Args:
        w: (d,) the model that the clients started from; left as it is.
        local: the clients' models, (d,) each.
        weights: p_i, one per client.
        lr: the server's learning rate.
    """
    step = torch.zeros_like(w)
    for w_i, p_i in zip(local, weights, strict=True):
        step.add_(w - w_i, alpha=p_i)
    return w - lr * step
