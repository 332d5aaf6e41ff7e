"""A small convolutional network with GroupNorm."""

from torch import nn

from zowarmup.models.scaler import group_norm, scalers, times


def cnn(
    shape: tuple[int, int, int], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """Two convolutions of 16 and 32 channels; on digits 6,186 parameters."""
    channels, height, breadth = shape
    first, second = times(width, 16), times(width, 32)
    return nn.Sequential(
        *_block(channels, first, scale),
        *_block(first, second, scale),
        nn.Flatten(),
        nn.Linear(second * (height // 4) * (breadth // 4), classes),
    )


def _block(inputs: int, outputs: int, scale: float) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, 3, padding=1),
        *scalers(scale),
        group_norm(4, outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
