"""ResNets for small images, with GroupNorm in place of BatchNorm.

A 3x3 stem of stride 1, basic blocks (convolution, norm, relu, twice, plus shortcut), a projection
shortcut with its own norm wherever the shape changes, average pooling. No running statistics, so
that averaging models and perturbing weights mean what they say.

Reference: He et al. 2015, arXiv:1512.03385; GroupNorm: Wu and He 2018, arXiv:1803.08494.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import relu

from zowarmup.models.scaler import group_norm, scaled, times

GROUPS = 2  # of every norm layer


def resnet18(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """64-128-256-512 channels, two blocks each; 11,173,962 parameters for CIFAR-10."""
    widths = [times(width, channels) for channels in (64, 128, 256, 512)]
    return ResNet(shape[0], classes, widths, depth=2, scale=scale)


def resnet8(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """16-32-64 channels, one block each."""
    widths = [times(width, channels) for channels in (16, 32, 64)]
    return ResNet(shape[0], classes, widths, depth=1, scale=scale)


def resnet_tiny(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """8-16 channels, one block each; on digits 5,122 parameters."""
    widths = [times(width, channels) for channels in (8, 16)]
    return ResNet(shape[0], classes, widths, depth=1, scale=scale)


class ResNet(nn.Module):
    """Stages of basic blocks; each stage after the first halves the image."""

    def __init__(
        self, channels: int, classes: int, widths: Sequence[int], depth: int, scale: float
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.norm = _norm(widths[0], scale)
        blocks = []
        for stage, width in enumerate(widths):
            before = widths[max(stage - 1, 0)]
            blocks.append(Block(before, width, stride=1 if stage == 0 else 2, scale=scale))
            blocks += [Block(width, width, stride=1, scale=scale) for _ in range(depth - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.norm(self.conv(x)), inplace=True)
        for block in self.blocks:  # called as a whole, they would keep the first one's input
            x = block(x)
        return self.linear(x.mean(dim=(2, 3)))


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
        y = self.conv2(y)  # on a line of its own, so that its input is gone before the norm
        y = self.norm2(y)
        return relu(y + self.shortcut(x), inplace=True)


def _norm(channels: int, scale: float) -> nn.Module:
    return scaled(group_norm(GROUPS, channels), scale)
