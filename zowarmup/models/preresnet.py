"""ResNets with pre-activation, as HeteroFL's code has them.

In order: a 3x3 stem without norm, blocks of twice (norm, relu, convolution), norm, relu, average
pooling. Convolutions have no bias, shortcuts no norm; where the shape changes, a shortcut is a 1x1
convolution of the activated input. Norms are static batch norms, or GroupNorm in the variants _gn.

Reference: He et al. 2016, arXiv:1603.05027; Diao et al. 2021, arXiv:2010.01264.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from zowarmup.models.flat import default_law
from zowarmup.models.image_shape import image_shape
from zowarmup.models.resnet import GROUPS, Channels, stages
from zowarmup.models.scaler import group_norm, scaled, times
from zowarmup.models.static_norm import StaticNorm

Norm = Callable[[int], nn.Module]


class PreResNet(nn.Module):
    """Arguments as in models.resnet.ResNet; `norm` makes a norm for a number of channels."""

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        channels: Channels,
        depth: int,
        norm: Norm,
        width: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()

        def scaled_norm(channels: int) -> nn.Module:
            return scaled(norm(channels), scale)

        widths = [times(width, c) for c in channels]
        colours, *_ = image_shape(shape, type(self).__name__)
        self.conv = nn.Conv2d(colours, widths[0], 3, padding=1, bias=False)
        self.blocks = stages(partial(Block, norm=scaled_norm), widths, depth)
        self.norm = scaled_norm(widths[-1])
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
    """Two 3x3 convolutions, each after a norm and a relu, beside a shortcut."""

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


GN: Norm = partial(group_norm, GROUPS)

_18 = partial(PreResNet, channels=(64, 128, 256, 512), depth=2)
_tiny = partial(PreResNet, channels=(8, 16), depth=1)

preresnet18 = partial(_18, norm=StaticNorm)  # CIFAR-10: d = 11,172,170
preresnet18_gn = partial(_18, norm=GN)
preresnet_tiny = partial(_tiny, norm=StaticNorm)  # digits: d = 5,090
preresnet_tiny_gn = partial(_tiny, norm=GN)
