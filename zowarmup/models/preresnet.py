"""ResNets with pre-activation, as HeteroFL's code has them.

A 3x3 stem without norm, blocks of (norm, relu, convolution) twice, no bias and no norm on the
shortcut; where the shape changes, the shortcut is a 1x1 convolution of the activated input. A last
norm and relu, average pooling. The norm is static batch norm, or GroupNorm in the variants _gn.

Reference: He et al. 2016, arXiv:1603.05027; Diao et al. 2021, arXiv:2010.01264.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from zowarmup.models.flat import default_law
from zowarmup.models.scaler import group_norm, scaled, times
from zowarmup.models.static_norm import StaticNorm

Norm = Callable[[int], nn.Module]

GN: Norm = partial(group_norm, 2)
LARGE, TINY = (64, 128, 256, 512), (8, 16)


def preresnet18(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """64-128-256-512 channels, two blocks each; 11,172,170 parameters for CIFAR-10."""
    return PreResNet(shape[0], classes, _widths(LARGE, width), 2, _norm(StaticNorm, scale))


def preresnet18_gn(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """The same with GroupNorm."""
    return PreResNet(shape[0], classes, _widths(LARGE, width), 2, _norm(GN, scale))


def preresnet_tiny(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """8-16 channels, one block each; on digits 5,090 parameters."""
    return PreResNet(shape[0], classes, _widths(TINY, width), 1, _norm(StaticNorm, scale))


def preresnet_tiny_gn(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """The same with GroupNorm."""
    return PreResNet(shape[0], classes, _widths(TINY, width), 1, _norm(GN, scale))


class PreResNet(nn.Module):
    """Stages of blocks; each stage after the first halves the image."""

    def __init__(
        self, channels: int, classes: int, widths: Sequence[int], depth: int, norm: Norm
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        blocks = []
        for stage, width in enumerate(widths):
            before = widths[max(stage - 1, 0)]
            blocks.append(Block(before, width, stride=1 if stage == 0 else 2, norm=norm))
            blocks += [Block(width, width, stride=1, norm=norm) for _ in range(depth - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = norm(widths[-1])
        self.linear = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.norm(self.blocks(self.conv(x))))
        return self.linear(x.mean(dim=(2, 3)))

    @staticmethod
    def law(layer: nn.Module, name: str, key: int) -> Tensor:
        """PyTorch's default, but the classifier's bias starts at zero, as in HeteroFL's code."""
        if isinstance(layer, nn.Linear) and name == "bias":
            return torch.zeros(layer.out_features)
        return default_law(layer, name, key)


class Block(nn.Module):
    """Two 3x3 convolutions, each behind its norm and relu, beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.norm1 = norm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm2 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = relu(self.norm1(x))
        beside = x if self.shortcut is None else self.shortcut(active)
        return self.conv2(relu(self.norm2(self.conv1(active)))) + beside


def _widths(channels: Sequence[int], width: float) -> list[int]:
    return [times(width, c) for c in channels]


def _norm(norm: Norm, scale: float) -> Norm:
    return lambda channels: scaled(norm(channels), scale)
