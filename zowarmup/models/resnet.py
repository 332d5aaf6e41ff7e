"""ResNets for small images, with GroupNorm in place of BatchNorm.

In order: a 3x3 stem of stride 1, basic blocks, average pooling. A block is twice (convolution,
norm, relu) beside a shortcut, which is a projection with its own norm where the shape changes.
There are no running statistics, which would not fit averaged or perturbed weights.

Reference: He et al. 2015, arXiv:1512.03385; GroupNorm: Wu and He 2018, arXiv:1803.08494.
"""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn
from torch.nn.functional import relu

from zowarmup.models.image_shape import image_shape
from zowarmup.models.scaler import group_norm, scaled, times

GROUPS = 2  # of every norm layer

Channels = Sequence[int]


class ResNet(nn.Module):
    """A stem, stages of basic blocks, and a linear classifier.

    Args:
        channels: of each stage at width 1.
        depth: blocks per stage.
        scale: divides activations before each norm, see models.scaler.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        channels: Channels,
        depth: int,
        width: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        widths = [times(width, c) for c in channels]
        colours, *_ = image_shape(shape, type(self).__name__)
        self.conv = nn.Conv2d(colours, widths[0], 3, padding=1, bias=False)
        self.norm = _norm(widths[0], scale)
        self.blocks = stages(partial(Block, scale=scale), widths, depth)
        self.linear = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.norm(self.conv(x)), inplace=True)
        for block in self.blocks:  # self.blocks(x) would keep the first block's input alive
            x = block(x)
        return self.linear(x.mean(dim=(2, 3)))


def stages(
    block: Callable[[int, int, int], nn.Module], widths: Channels, depth: int
) -> nn.Sequential:
    """Build blocks from (inputs, outputs, stride); each stage after the first halves the image."""
    outputs = [width for width in widths for _ in range(depth)]
    strides = [2 if i > 0 and i % depth == 0 else 1 for i in range(len(outputs))]
    return nn.Sequential(*map(block, [widths[0], *outputs], outputs, strides))


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int, scale: float) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = _norm(outputs, scale)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = _norm(outputs, scale)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(project, _norm(outputs, scale))

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.conv2(y)  # on its own line, so that the input of conv2 is freed before the norm
        y = self.norm2(y)
        return relu(y + self.shortcut(x), inplace=True)


def _norm(channels: int, scale: float) -> nn.Module:
    return scaled(group_norm(GROUPS, channels), scale)


resnet18 = partial(ResNet, channels=(64, 128, 256, 512), depth=2)  # CIFAR-10: d = 11,173,962
resnet8 = partial(ResNet, channels=(16, 32, 64), depth=1)
resnet_tiny = partial(ResNet, channels=(8, 16), depth=1)  # digits: d = 5,122
