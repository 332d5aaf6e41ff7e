"""ResNets for small images, with GroupNorm in place of BatchNorm.

A 3x3 stem of stride 1, basic blocks (convolution, norm, relu, twice, plus shortcut), a projection
shortcut with its own norm wherever the shape changes, average pooling. No running statistics, so
that averaging models and perturbing weights mean what they say.

Reference: He et al. 2015, arXiv:1512.03385; GroupNorm: Wu and He 2018, arXiv:1803.08494.
"""

from torch import Tensor, nn
from torch.nn.functional import relu

GROUPS = 2  # of every norm layer


def resnet18(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """64-128-256-512 channels, two blocks each; 11,173,962 parameters for CIFAR-10."""
    return ResNet(shape[0], classes, widths=(64, 128, 256, 512), depth=2)


def resnet8(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """16-32-64 channels, one block each."""
    return ResNet(shape[0], classes, widths=(16, 32, 64), depth=1)


class ResNet(nn.Module):
    """Stages of basic blocks; each stage after the first halves the image."""

    def __init__(self, channels: int, classes: int, widths: tuple[int, ...], depth: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.norm = nn.GroupNorm(GROUPS, widths[0])
        blocks = []
        for stage, width in enumerate(widths):
            before = widths[max(stage - 1, 0)]
            blocks.append(Block(before, width, stride=1 if stage == 0 else 2))
            blocks += [Block(width, width, stride=1) for _ in range(depth - 1)]
        self.blocks = nn.Sequential(*blocks)
        self.linear = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = relu(self.norm(self.conv(x)))
        x = self.blocks(x).mean(dim=(2, 3))
        return self.linear(x)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            project = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(project, nn.GroupNorm(GROUPS, outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return relu(y + self.shortcut(x))
