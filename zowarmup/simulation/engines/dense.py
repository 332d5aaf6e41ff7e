"""SGD steps of fully connected networks by hand.

At this size autograd's bookkeeping costs more than the arithmetic. Shapes and names as in
`stacked`; g is the gradient with respect to the activation h.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zowarmup.simulation.engines.chain import Link
from zowarmup.simulation.engines.stacked import product


def is_dense(links: Sequence[Link]) -> bool:
    """Whether `sgd_step` knows all layers of a network."""
    return {link.layer for link in links} <= {nn.Flatten, nn.ReLU, nn.Linear}


@torch.inference_mode()
def sgd_step(
    links: Sequence[Link],
    parameters: Sequence[Tensor],
    x: Tensor,
    y: Tensor,
    *,
    lr: float,
    weight_decay: float,
) -> None:
    """One step of each model on the mean loss of its own images, in place.

    Args:
        links: a dense network.
        parameters: (G, ...) each, overwritten.
        x, y: (G, ..., n) and (G, n).
        lr, weight_decay: as in torch.optim.SGD.
    """
    h, rest = x, iter(parameters)
    steps: list[tuple[type[nn.Module], Tensor, Tensor, list[Tensor]]] = []
    for link in links:
        own = [next(rest) for _ in range(link.parameters)]
        before, h = h, link.apply(h, *own)
        if own or steps:  # nobody needs a gradient before the first weights
            steps.append((link.layer, before, h, own))
    g = h.softmax(1)  # of the cross-entropy: the softmax, less 1 at the label
    g.scatter_add_(1, y[:, None], g.new_full((), -1.0).expand(len(y), 1, y.shape[1]))
    scales = {"alpha": -lr / y.shape[1], "beta": 1 - lr * weight_decay}
    while steps:
        layer, before, after, own = steps.pop()
        if layer is nn.Linear:
            g, of_output = (product(g, own[0].mT, None) if steps else g), g
            update(own, before, of_output, **scales)
        elif layer is nn.ReLU:
            g.mul_(after > 0)


def update(own: Sequence[Tensor], before: Tensor, g: Tensor, *, alpha: float, beta: float) -> None:
    """Weight and bias of a Linear layer <- beta times themselves + alpha times their gradient."""
    own[0].baddbmm_(g, before.mT, alpha=alpha, beta=beta)
    for bias in own[1:]:
        bias.mul_(beta).add_(g.sum(2), alpha=alpha)
