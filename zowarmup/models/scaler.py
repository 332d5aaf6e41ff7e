"""The layers that networks of any width share.

A narrow network of HeteroFL has the first channels of a wide one. While the narrow network trains,
its activations are divided by its relative width before each norm, as dropout divides by the share
of units that it keeps. The whole network has no scaler, nor has a narrow one outside of training.

Reference: Diao et al. 2021, arXiv:2010.01264.
"""

import math

from torch import Tensor, nn


class Scaler(nn.Module):
    """Divides by a constant, in evaluation mode too: build it only where it is to act."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x / self.scale


def scalers(scale: float) -> list[nn.Module]:
    """Return a list of one scaler, to unpack into a list of layers; empty at scale 1."""
    return [] if scale == 1 else [Scaler(scale)]


def scaled(norm: nn.Module, scale: float) -> nn.Module:
    """Return a norm after a scaler; at scale 1 the norm alone, so that parameter names stay."""
    return norm if scale == 1 else nn.Sequential(Scaler(scale), norm)


def times(width: float, channels: int) -> int:
    """Channels of a layer at a relative width, rounded up, at least one."""
    return max(1, math.ceil(round(width * channels, 9)))  # 0.07 * 100 is a little more than 7


def group_norm(groups: int, channels: int) -> nn.GroupNorm:
    """Return a GroupNorm, with fewer groups if `groups` does not divide `channels`."""
    return nn.GroupNorm(math.gcd(groups, channels), channels)
