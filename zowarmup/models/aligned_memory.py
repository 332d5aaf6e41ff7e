"""Memory laid out so that rounding does not depend on where a number stands in it.

A matrix product may add in another order when an operand begins elsewhere within a cache line:
MKL's kernels for AMD do so for addresses that are no multiple of 16 bytes. So the models, the
clients and the images that stand side by side each begin where a line begins, or at least where
such a kernel begins to read; then the first and the tenth of them are rounded alike.
"""

from torch import Tensor
from torch.nn.functional import pad

LINE = 16  # float32 numbers of a cache line, 64 bytes; where torch begins every tensor of its own
VECTOR = 4  # float32 numbers, 16 bytes; no kernel was seen whose rounding needs more


def begin(w: Tensor) -> Tensor:
    """The same numbers, copied only if the first does not lie at the beginning of a line.

    By its place in its storage, which torch lets begin a line; under vmap there is no address.
    """
    return w.clone() if w.storage_offset() % LINE else w


def rows(like: Tensor, *shape: int) -> Tensor:
    """An empty tensor of a shape whose rows, its last dimension, each begin a line."""
    *count, n = shape
    return like.new_empty(*count, up(n, LINE))[..., :n]


def stack(w: Tensor, count: int) -> Tensor:
    """`count` copies of w (d,), a row each, (count, d)."""
    return rows(w, count, len(w)).copy_(w)


def place(start: int, size: int, like: Tensor) -> Tensor:
    """Room (size,) that lies within a line as entry `start` of a vector does that begins one."""
    return like.new_empty(start % LINE + size)[start % LINE :]


def fill(x: Tensor, dim: int) -> Tensor:
    """x, contiguous, with zeros at the end of a dimension up to a multiple of VECTOR."""
    more = up(x.shape[dim], VECTOR) - x.shape[dim]
    if not more:
        return x.contiguous()
    return pad(x, [0, 0] * (x.dim() - 1 - dim % x.dim()) + [0, more])


def up(n: int, multiple: int) -> int:
    """n or the next larger multiple."""
    return -(-n // multiple) * multiple
