"""The parts of networks of any width.

HeteroFL's narrow networks are the first channels of a wide one. While such a part trains, its
activations are divided by its relative width before each norm, as dropout divides by the share of
units that it keeps. The whole network has no scaler, nor has a narrow one that is not in training.

Reference: Diao et al. 2021, arXiv:2010.01264.
"""

import math

from torch import Tensor, nn


class Scaler(nn.Module):
    """Divides by a constant; not only in training mode, so build it where it is to act."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return x / self.scale


def scalers(scale: float) -> list[nn.Module]:
    """One scaler, or none where it would change nothing: for a list of layers."""
    return [] if scale == 1 else [Scaler(scale)]


def scaled(norm: nn.Module, scale: float) -> nn.Module:
    """A norm behind a scaler; at scale 1 the norm itself, so that parameters keep their names."""
    return norm if scale == 1 else nn.Sequential(Scaler(scale), norm)


def times(width: float, channels: int) -> int:
    """Channels of a layer at a relative width, rounded up, at least one."""
    return max(1, math.ceil(round(width * channels, 9)))  # 0.07 * 100 is a little more than 7


def group_norm(groups: int, channels: int) -> nn.GroupNorm:
    """GroupNorm; a width that the groups do not divide gets the most groups that both allow."""
    return nn.GroupNorm(math.gcd(groups, channels), channels)
