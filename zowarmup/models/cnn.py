"""A small convolutional network with GroupNorm."""

from torch import nn

from zowarmup.common.errors import UserError
from zowarmup.models.image_shape import image_shape
from zowarmup.models.scaler import group_norm, scalers, times


def cnn(
    shape: tuple[int, ...], classes: int, *, width: float = 1.0, scale: float = 1.0
) -> nn.Module:
    """Build two convolutions, of 16 and 32 channels, and a classifier; digits: d = 6,186.

    Raises:
        UserError: the data are no images, or a side, which is halved twice, has fewer than 4
            pixels.
    """
    channels, height, breadth = image_shape(shape, "cnn")
    if min(height, breadth) < 4:
        raise UserError(
            f"images of {height}x{breadth} pixels are too small for the model cnn, which halves "
            "each side twice; use another model such as resnet8, or pad the images to 4 pixels"
        )
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
