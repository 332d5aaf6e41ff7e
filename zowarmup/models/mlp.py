"""The smallest network: one hidden layer of 32 units."""

import math

from torch import nn

from zowarmup.models.scaler import scalers, times


def mlp(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """64-32-10 on digits, 2,410 parameters. There is no norm: the scaler precedes the ReLU."""
    hidden = times(width, 32)
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(shape), hidden),
        *scalers(scale),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )
