"""The smallest network: one hidden layer of 32 units."""

import math
from functools import partial

from torch import nn

from zowarmup.models.scaler import scalers, times


def mlp(
    shape: tuple[int, int, int],
    classes: int,
    *,
    width: float = 1.0,
    scale: float = 1.0,
    layers: int = 1,
) -> nn.Module:
    """64-32-10 on digits, 2,410 parameters. There is no norm: the scaler precedes the ReLU.

    Args:
        layers: hidden ones.
    """
    inside, hidden = math.prod(shape), times(width, 32)
    network = [nn.Flatten()]
    for _ in range(layers):
        network += [nn.Linear(inside, hidden), *scalers(scale), nn.ReLU()]
        inside = hidden
    return nn.Sequential(*network, nn.Linear(inside, classes))


mlp3 = partial(mlp, layers=3)
mlp5 = partial(mlp, layers=5)
