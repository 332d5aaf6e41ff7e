"""The shape of the images that a convolutional network or a vision transformer reads."""

from zowarmup.common.errors import UserError


def image_shape(shape: tuple[int, ...], network: str) -> tuple[int, int, int]:
    """Return (C, H, W).

    Raises:
        UserError: the data are no images.
    """
    if len(shape) != 3:
        raise UserError(
            f"model: {network} reads images (channels, height, width), but an example of the data "
            f"has the shape {shape}; use mlp or a network of your own"
        )
    channels, height, width = shape
    return channels, height, width
