"""Backpropagation by hand for fully connected networks.

At this size autograd's bookkeeping costs more than the arithmetic. Shapes and names as in
`stacked`; g is the gradient with respect to h.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from zowarmup.simulation.engines.stacked import LAYERS


def flatten(g: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, ...]:
    return (g.view(before.shape),)


def relu(g: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, ...]:
    return (g.mul_(after > 0),)


def linear(
    g: Tensor, before: Tensor, after: Tensor, weight: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, ...]:
    of_weight = torch.bmm(g, before.mT)
    of_input = torch.bmm(weight.mT, g)
    return (of_input, of_weight) if bias is None else (of_input, of_weight, g.sum(2))


# layer type -> function(g, before, after, *parameters) -> gradients of its input and parameters
BACKWARD: dict[type[nn.Module], Callable[..., tuple[Tensor, ...]]] = {
    nn.Flatten: flatten,
    nn.ReLU: relu,
    nn.Linear: linear,
}


def gradients(
    layers: Sequence[nn.Module], parameters: Sequence[Tensor], x: Tensor, y: Tensor
) -> Tensor:
    """Of the sum of each model's losses at its own images, (G, d).

    Args:
        layers: all of types in BACKWARD.
        parameters: (G, ...) each.
        x, y: (G, ..., n) and (G, n).
    """
    steps = []
    rest, h = iter(parameters), x
    for layer in layers:
        own = [next(rest) for _ in layer.parameters()]
        before, h = h, LAYERS[type(layer)](layer, h, *own)
        steps.append((BACKWARD[type(layer)], before, h, own))
    g = h.softmax(1)
    g.scatter_add_(1, y[:, None], g.new_full((1, 1, 1), -1.0).expand(len(y), 1, y.shape[1]))
    parts: list[Tensor] = []
    for backward, before, after, own in reversed(steps):
        g, *of_own = backward(g, before, after, *own)
        parts = [*of_own, *parts]
    return torch.cat([part.flatten(1) for part in parts], dim=1)
