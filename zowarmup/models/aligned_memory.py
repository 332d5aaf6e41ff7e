"""Memory laid out so that the rounding of a number does not depend on its address.

A matrix product may add in another order when an operand begins elsewhere within a cache line:
MKL's kernels for AMD do so if the address is not a multiple of 16 bytes. So each of several
models, clients or images side by side begins at a cache line, or at least at a multiple of 16
bytes; then the first and the tenth are rounded alike.
"""

from torch import Tensor
from torch.nn.functional import pad

LINE = 16  # float32 numbers in a cache line (64 bytes), at which torch begins every new tensor
VECTOR = 4  # float32 numbers in 16 bytes, the strictest alignment that rounding was seen to need


def begin(w: Tensor) -> Tensor:
    """Return w, or a copy of w if w does not begin at a cache line.

    The storage offset decides: torch begins every storage at a line, and vmap hides addresses.
    """
    return w.clone() if w.storage_offset() % LINE else w


def rows(like: Tensor, *shape: int) -> Tensor:
    """Return an empty tensor of this shape whose rows (last dimension) each begin a line."""
    *count, n = shape
    return like.new_empty(*count, up(n, LINE))[..., :n]


def stack(w: Tensor, count: int) -> Tensor:
    """Return `count` copies of w (d,) as the rows of a tensor (count, d)."""
    return rows(w, count, len(w)).copy_(w)


def place(start: int, size: int, like: Tensor) -> Tensor:
    """Return an empty (size,), aligned like entry `start` of a vector that begins a line."""
    return like.new_empty(start % LINE + size)[start % LINE :]


def fill(x: Tensor, dim: int) -> Tensor:
    """Return x, contiguous and padded with zeros along `dim` to a multiple of VECTOR."""
    more = up(x.shape[dim], VECTOR) - x.shape[dim]
    if not more:
        return x.contiguous()
    return pad(x, [0, 0] * (x.dim() - 1 - dim % x.dim()) + [0, more])


def up(n: int, multiple: int) -> int:
    """Round n up to a multiple of `multiple`."""
    return -(-n // multiple) * multiple
