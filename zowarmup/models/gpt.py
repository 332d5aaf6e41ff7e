"""Decoder-only transformers: each token of a text predicts the next one.

    n, T, h     texts, tokens of a text (the context), hidden features

As in GPT-2, norms come before attention and MLP, one more follows the last block, positions are
learned, and the GELU uses tanh. Unlike there, the last layer has weights of its own, and there is
no dropout. At another width there are more or fewer heads of the same size: a layer's first
channels are its first heads.

Reference: Radford et al. 2019, Language Models are Unsupervised Multitask Learners.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from zowarmup.common import seeds
from zowarmup.common.errors import UserError
from zowarmup.models.directions import gaussian
from zowarmup.models.scaler import scaled, times

STD, STD_HIDDEN = 0.02, 768  # GPT-2's standard deviation of initial weights, and its h


class GPT(nn.Module):
    """Embedding, blocks, a norm, and a linear layer that predicts the next token.

    Args:
        shape: (T,), the tokens of a text.
        classes: number of different tokens.
        layers: number of blocks.
        head: features of a head.
        heads: number of heads at width 1; the MLP has 4 h units.

    Raises:
        UserError: the inputs are not rows of tokens.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        layers: int,
        head: int,
        heads: int,
        width: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if len(shape) != 1:
            raise UserError(f"gpt reads rows of tokens, but an example has the shape {shape}")
        # The same at any width, because HeteroFL's parts are cut from one initialisation.
        self.std = STD * (STD_HIDDEN / (head * heads)) ** 0.5
        heads = times(width, heads)
        hidden = head * heads
        self.embedding = Embedding(classes, shape[0], hidden)
        self.blocks = nn.Sequential(*(Block(hidden, heads, scale) for _ in range(layers)))
        self.norm = scaled(nn.LayerNorm(hidden), scale)
        self.linear = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T) int64 -> (n, T, classes)."""
        return self.linear(self.norm(self.blocks(self.embedding(x))))

    def law(self, layer: nn.Module, name: str, key: int) -> Tensor:
        """Draw from N(0, std^2), std as in GPT-2 for its h, larger by 1 / sqrt(h) for a smaller h.

        Biases are 0, norm weights 1.
        """
        size = layer.get_parameter(name).numel()
        if name == "bias":
            return torch.zeros(size)
        if isinstance(layer, nn.LayerNorm):
            return torch.ones(size)
        return self.std * gaussian(torch.tensor([seeds.signed(key)]), 0, size)[0]


class Embedding(nn.Module):
    """The embedding of each token plus that of its position: (n, T) -> (n, T, h)."""

    def __init__(self, classes: int, context: int, hidden: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(classes, hidden)
        self.positions = nn.Embedding(context, hidden)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[-1], device=x.device)
        return self.tokens(x) + self.positions(places)


class Block(nn.Module):
    """Causal attention, then the MLP, each after a norm and beside the identity."""

    def __init__(self, hidden: int, heads: int, scale: float) -> None:
        super().__init__()
        self.norm1 = scaled(nn.LayerNorm(hidden), scale)
        self.attention = Attention(hidden, heads)
        self.norm2 = scaled(nn.LayerNorm(hidden), scale)
        self.dense1 = nn.Linear(hidden, 4 * hidden)
        self.dense2 = nn.Linear(4 * hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.dense2(gelu(self.dense1(self.norm2(x)), approximate="tanh"))


class Attention(nn.Module):
    """Self-attention over the tokens before and at each place, in several heads."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        out = scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(out.transpose(1, 2).flatten(2))

    def split(self, x: Tensor) -> Tensor:
        """(n, T, h) -> (n, heads, T, features of a head)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


# For 256 different bytes and a context of 64: d = 44,160 (2 blocks of 32 features in 2 heads); the
# others of this width have 4 and 8 blocks.
gpt_tiny = partial(GPT, layers=2, head=16, heads=2)
gpt_tiny4 = partial(GPT, layers=4, head=16, heads=2)
gpt_tiny8 = partial(GPT, layers=8, head=16, heads=2)

# 4, 8 and 16 blocks of 128 features in 4 heads.
gpt_small = partial(GPT, layers=4, head=32, heads=4)
gpt_small8 = partial(GPT, layers=8, head=32, heads=4)
gpt_small16 = partial(GPT, layers=16, head=32, heads=4)
