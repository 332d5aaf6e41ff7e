"""One round as a careful researcher writes it: a flat buffer, a loop over clients, no framework.

benchmarks.bench compares with it. It is simple but not wasteful: the weights are views of one
vector, a direction is drawn once and kept for both losses and the update, and forward passes run in
inference mode. It shares no code with the package.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import conv2d, cross_entropy, group_norm, linear, max_pool2d, relu

Clients = Sequence[tuple[Tensor, Tensor]]
Forward = Callable[[Sequence[Tensor], Tensor], Tensor]

MLP_SHAPES = [(32, 64), (32,), (10, 32), (10,)]
CNN_SHAPES = [
    *[(16, 1, 3, 3), (16,), (16,), (16,)],
    *[(32, 16, 3, 3), (32,), (32,), (32,)],
    *[(10, 128), (10,)],
]


def mlp(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    W1, b1, W2, b2 = parameters
    return linear(relu(linear(x.flatten(1), W1, b1)), W2, b2)


def cnn(parameters: Sequence[Tensor], x: Tensor) -> Tensor:
    W1, b1, g1, o1, W2, b2, g2, o2, W3, b3 = parameters
    x = max_pool2d(relu(group_norm(conv2d(x, W1, b1, padding=1), 4, g1, o1)), 2)
    x = max_pool2d(relu(group_norm(conv2d(x, W2, b2, padding=1), 4, g2, o2)), 2)
    return linear(x.flatten(1), W3, b3)


def views(w: Tensor, shapes: Sequence[tuple[int, ...]]) -> list[Tensor]:
    parts = w.split([torch.Size(shape).numel() for shape in shapes])
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]


def fedavg_round(
    w: Tensor,
    clients: Clients,
    forward: Forward,
    shapes: Sequence[tuple[int, ...]],
    generator: torch.Generator,
    lr: float,
    batch: int,
) -> Tensor:
    """Return the weighted mean of the models after one local epoch of SGD at every client."""
    total = sum(len(y) for _, y in clients)
    new = torch.zeros_like(w)
    for x, y in clients:
        local = w.clone().requires_grad_()
        for rows in torch.randperm(len(y), generator=generator).split(batch):
            loss = cross_entropy(forward(views(local, shapes), x[rows]), y[rows])
            (g,) = torch.autograd.grad(loss, local)
            with torch.no_grad():
                local.sub_(g, alpha=lr)
        new.add_(local.detach(), alpha=len(y) / total)
    return new


@torch.inference_mode()
def zo_round(
    w: Tensor,
    clients: Clients,
    forward: Forward,
    shapes: Sequence[tuple[int, ...]],
    generator: torch.Generator,
    lr: float,
    S: int,
    eps: float,
    tau: float,
) -> Tensor:
    """Return w after one step along all directions, from S two-point losses of every client."""
    total = sum(len(y) for _, y in clients)
    step = torch.zeros_like(w)
    for x, y in clients:
        for _ in range(S):
            z = torch.randint(0, 2, w.shape, generator=generator).float().mul_(2 * tau).sub_(tau)
            plus = cross_entropy(forward(views(w + eps * z, shapes), x), y)
            minus = cross_entropy(forward(views(w - eps * z, shapes), x), y)
            c = ((plus - minus) / (2 * eps)).item()
            step.add_(z, alpha=len(y) / total * c / S)
    return w - lr * step


NETWORKS: dict[str, tuple[Forward, list[tuple[int, ...]]]] = {
    "mlp": (mlp, MLP_SHAPES),
    "cnn": (cnn, CNN_SHAPES),
}
