"""Multilayer perceptrons: hidden layers of 32 units and no norm, so that depth alone varies.

`mlp` and `mlp2` to `mlp5` start from PyTorch's default initialisation, whose signal fades from
layer to layer. `mlp_he` and `mlp2_he` to `mlp5_he` start from He's, which keeps its variance.

Reference: He et al. 2015, arXiv:1502.01852 (the initialisation).
"""

import math
from functools import partial

import torch
from torch import Tensor, nn

from zowarmup.common import seeds
from zowarmup.models.directions import gaussian
from zowarmup.models.scaler import scalers, times


class He(nn.Sequential):
    """Layers in order, with He's initialisation."""

    @staticmethod
    def law(layer: nn.Module, name: str, key: int) -> Tensor:
        """Draw weights from N(0, 2 / fan_in); biases are 0."""
        parameter = layer.get_parameter(name)
        if name == "bias":
            return torch.zeros(parameter.numel())
        std = math.sqrt(2 / parameter.shape[1])
        return gaussian(torch.tensor([seeds.signed(key)]), 0, parameter.numel(), std)[0]


def mlp(
    shape: tuple[int, ...],
    classes: int,
    *,
    width: float = 1.0,
    scale: float = 1.0,
    layers: int = 1,
    kind: type[nn.Sequential] = nn.Sequential,
) -> nn.Module:
    """64-32-10 on digits with one hidden layer, 2,410 parameters; each further layer adds 1,056.

    There is no norm: a scaler precedes each ReLU.

    Args:
        layers: number of hidden layers.
        kind: `He` for He's initialisation.
    """
    hidden = times(width, 32)
    parts: list[nn.Module] = [nn.Flatten()]
    for inputs in [math.prod(shape), *[hidden] * (layers - 1)]:
        parts += [nn.Linear(inputs, hidden), *scalers(scale), nn.ReLU()]
    return kind(*parts, nn.Linear(hidden, classes))


mlp2, mlp3, mlp4, mlp5 = (partial(mlp, layers=n) for n in range(2, 6))
mlp_he, mlp2_he, mlp3_he, mlp4_he, mlp5_he = (partial(mlp, layers=n, kind=He) for n in range(1, 6))
