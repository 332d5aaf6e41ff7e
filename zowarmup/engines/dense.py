"""Hand-written gradients of fully connected networks.

For networks this small, autograd's bookkeeping costs more than the arithmetic. Shapes and names are
those of `stacked`; g is the gradient with respect to the activation h.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zowarmup.engines.chain import Link
from zowarmup.engines.stacked import product
from zowarmup.models import aligned_memory
from zowarmup.models.scaler import Scaler


def is_dense(links: Sequence[Link]) -> bool:
    """Whether `backward` knows all layers of a network."""
    return {link.layer for link in links} <= {nn.Flatten, nn.ReLU, nn.Linear, Scaler}


@torch.inference_mode()
def backward(
    links: Sequence[Link],
    parameters: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    absent: Tensor | None,
    *,
    into: Sequence[Tensor],
    alpha: float,
    beta: float,
) -> None:
    """into <- beta into + alpha times the gradient of each model's mean loss over its images.

    Args:
        links: a dense network.
        parameters: (G, ...) each.
        x, y: (G, ..., n) and (G, n).
        absent: (G, classes), logits that count as 0.
        into: shaped as `parameters`, or `parameters` themselves for a step along the gradient.
    """
    h, rest, targets = aligned_memory.fill(x, -1), iter(parameters), iter(into)
    steps: list[tuple[Link, Tensor, Tensor, list[Tensor], list[Tensor]]] = []
    for link in links:
        own = [next(rest) for _ in range(link.parameters)]
        before, h = h, link.apply(h, *own)
        if own or steps:  # no gradient is needed before the first weights
            steps.append((link, before, h, own, [next(targets) for _ in own]))
    g = aligned_memory.fill(of_logits(h[..., : y.shape[1]], y, absent), -1)
    while steps:
        link, before, after, own, target = steps.pop()
        if link.layer is nn.Linear:
            g, of_output = (product(g, own[0].mT, None) if steps else g), g
            update(target, before, of_output, alpha=alpha / y.shape[1], beta=beta)
        elif link.layer is nn.ReLU:
            g.mul_(after > 0)
        elif link.layer is Scaler:
            g = link.apply(g)  # a scaler is its own derivative


def of_logits(h: Tensor, y: Tensor, absent: Tensor | None) -> Tensor:
    """Return the gradient of the cross-entropy: softmax, less 1 at the label; 0 for absent classes.

    It uses log_softmax, because torch's softmax rounds differently where one thread's work ends.
    """
    g = (h if absent is None else h.masked_fill(absent[..., None], 0.0)).log_softmax(1).exp_()
    g.scatter_add_(1, y[:, None], g.new_full((), -1.0).expand(len(y), 1, y.shape[1]))
    return g if absent is None else g.masked_fill_(absent[..., None], 0.0)


def update(into: Sequence[Tensor], before: Tensor, g: Tensor, *, alpha: float, beta: float) -> None:
    """Update weight and bias of a Linear layer: into <- beta into + alpha times the gradient."""
    into[0].baddbmm_(g, before.mT, alpha=alpha, beta=beta)
    for bias in into[1:]:
        bias.mul_(beta).add_(g.sum(2), alpha=alpha)
