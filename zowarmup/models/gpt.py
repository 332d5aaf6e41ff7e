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
from torch.nn.functional import scaled_dot_product_attention

from zowarmup.common.errors import UserError
from zowarmup.models.scaler import scaled, times
from zowarmup.models.transformer import Attention, Block, initial

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
        self.blocks = nn.Sequential(
            *(
                Block(CausalAttention(hidden, heads), hidden, 4 * hidden, scale)
                for _ in range(layers)
            )
        )
        self.norm = scaled(nn.LayerNorm(hidden), scale)
        self.linear = nn.Linear(hidden, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T) int64 -> (n, T, classes)."""
        return self.linear(self.norm(self.blocks(self.embedding(x))))

    def law(self, layer: nn.Module, name: str, key: int) -> Tensor:
        """Draw from N(0, std^2), std as in GPT-2 for its h, larger by 1 / sqrt(h) for a smaller h.

        Biases are 0, norm weights 1.
        """
        return initial(layer, name, key, self.std)


class Embedding(nn.Module):
    """The embedding of each token plus that of its position: (n, T) -> (n, T, h)."""

    def __init__(self, classes: int, context: int, hidden: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(classes, hidden)
        self.positions = nn.Embedding(context, hidden)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[-1], device=x.device)
        return self.tokens(x) + self.positions(places)


class CausalAttention(Attention):
    """Self-attention over the tokens before and at each place."""

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return scaled_dot_product_attention(q, k, v, is_causal=True)


# For 256 different bytes and a context of 64: d = 44,160 (2 blocks of 32 features in 2 heads); the
# others of this width have 4 and 8 blocks.
gpt_tiny = partial(GPT, layers=2, head=16, heads=2)
gpt_tiny4 = partial(GPT, layers=4, head=16, heads=2)
gpt_tiny8 = partial(GPT, layers=8, head=16, heads=2)

# 4, 8 and 16 blocks of 128 features in 4 heads.
gpt_small = partial(GPT, layers=4, head=32, heads=4)
gpt_small8 = partial(GPT, layers=8, head=32, heads=4)
gpt_small16 = partial(GPT, layers=16, head=32, heads=4)
