"""The parts that transformers of images and of text share: attention, blocks, initial weights.

n, T, h     inputs, tokens of an input, hidden features
"""

from torch import Tensor, nn, ones, tensor, zeros
from torch.nn.functional import gelu

from zowarmup.common import seeds
from zowarmup.models.directions import gaussian
from zowarmup.models.scaler import scaled


class Attention(nn.Module):
    """Self-attention in several heads; a subclass says how tokens attend to each other."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(hidden, hidden)
        self.key = nn.Linear(hidden, hidden)
        self.value = nn.Linear(hidden, hidden)
        self.output = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        return self.output(self.attend(q, k, v).transpose(1, 2).flatten(2))

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Queries, keys and values -> the mean of the values for each token, same shape.

        Args:
            q, k, v: (n, heads, T, features of a head) each.
        """
        raise NotImplementedError

    def split(self, x: Tensor) -> Tensor:
        """(n, T, h) -> (n, heads, T, features of a head)."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """Attention, then the MLP, each after a norm and beside the identity."""

    def __init__(self, attention: Attention, hidden: int, mlp: int, scale: float) -> None:
        super().__init__()
        self.norm1 = scaled(nn.LayerNorm(hidden), scale)
        self.attention = attention
        self.norm2 = scaled(nn.LayerNorm(hidden), scale)
        self.dense1 = nn.Linear(hidden, mlp)
        self.dense2 = nn.Linear(mlp, hidden)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.dense2(gelu(self.dense1(self.norm2(x)), approximate="tanh"))


def initial(layer: nn.Module, name: str, key: int, std: float) -> Tensor:
    """Draw a parameter from N(0, std^2); biases are 0, norm weights 1."""
    size = layer.get_parameter(name).numel()
    if name == "bias":
        return zeros(size)
    if isinstance(layer, nn.LayerNorm):
        return ones(size)
    return std * gaussian(tensor([seeds.signed(key)]), 0, size)[0]
