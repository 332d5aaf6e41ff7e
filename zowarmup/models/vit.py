"""Vision Transformers, as the authors' public federated code has them.

    n, T, h     images; tokens, the first of them the class token; hidden features

Norms come before attention and MLP; no norm follows the last block. Positions are learned, the
GELU uses tanh, and there is no dropout. Queries, keys and values have a bias. At another width
there are more or fewer heads of the same size: a layer's first channels are its first heads.

Reference: Dosovitskiy et al. 2021, arXiv:2010.11929.
"""

from functools import partial

import torch
from torch import Tensor, nn

from zowarmup.common.errors import UserError
from zowarmup.models.image_shape import image_shape
from zowarmup.models.scaler import times
from zowarmup.models.transformer import Attention, Block, initial

STD = 0.02  # standard deviation of all initial weights in that code


class ViT(nn.Module):
    """Embedding, blocks, and a linear layer that reads the class token.

    Args:
        shape: (C, H, W) of an image.
        patch: edge of a patch in pixels; H and W are multiples of it.
        layers: number of blocks.
        head: features of a head.
        heads, mlp: number of heads, and units of the MLP, at width 1.
        std: standard deviation of the initial weights, at any width.

    Raises:
        UserError: the data are no images, or the patches do not fit the image.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        patch: int,
        layers: int,
        head: int,
        heads: int,
        mlp: int,
        width: float = 1.0,
        scale: float = 1.0,
        std: float = STD,
    ) -> None:
        super().__init__()
        self.std = std
        heads, mlp = times(width, heads), times(width, mlp)
        hidden = head * heads
        self.embedding = Embedding(shape, patch, hidden)
        self.blocks = nn.Sequential(
            *(Block(FullAttention(hidden, heads), hidden, mlp, scale) for _ in range(layers))
        )
        self.linear = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.blocks(self.embedding(x))[:, 0])

    def law(self, layer: nn.Module, name: str, key: int) -> Tensor:
        """Draw from N(0, std^2), for tokens and positions too; biases are 0, norm weights 1."""
        return initial(layer, name, key, self.std)


class Embedding(nn.Module):
    """The class token, then the linearly mapped patches, plus positions: (n, T, h)."""

    def __init__(self, shape: tuple[int, ...], patch: int, hidden: int) -> None:
        super().__init__()
        channels, height, width = image_shape(shape, "ViT")
        if height % patch or width % patch:
            raise UserError(
                f"images of {height}x{width} pixels cannot be cut into patches of {patch}x{patch}; "
                "use a model whose patches fit, or a model without patches"
            )
        tokens = 1 + (height // patch) * (width // patch)
        self.patches = nn.Conv2d(channels, hidden, patch, stride=patch)
        self.token = nn.Parameter(torch.zeros(1, 1, hidden))
        self.positions = nn.Parameter(torch.zeros(1, tokens, hidden))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).mT
        return torch.cat((self.token.expand(len(x), -1, -1), x), dim=1) + self.positions


class FullAttention(Attention):
    """Self-attention over all tokens."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        # Written out, because fused kernels, and so the last bits, differ between devices.
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(dim=-1)  # (n, heads, T, T)
        return weights @ v


# The default of the authors' federated code since 2024; CIFAR-10: d = 18,978,314.
vit_small_p4 = partial(ViT, patch=4, layers=6, head=64, heads=8, mlp=2048)

# CIFAR-10, whose images have only 4 patches: d = 85,657,354.
vit_b16 = partial(ViT, patch=16, layers=12, head=64, heads=12, mlp=3072)

# Digits: d = 4,986. Its initial weights are larger by sqrt(512 / 16), so that a layer's outputs
# start as large as those of vit_small_p4; with 0.02, training stays on its first plateau.
vit_tiny = partial(ViT, patch=2, layers=2, head=8, heads=2, mlp=32, std=STD * (512 / 16) ** 0.5)
