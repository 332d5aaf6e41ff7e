"""Short forms of a model difference, for clients that download one in each round.

    x       the difference, (d,) float32
    d, L    number of parameters, number of tensors

    float32     x itself, 4 d bytes
    int8        a number of 8 bits for each entry and a scale max |x| / 127 for each tensor, d + 4 L
    sign        the sign of each entry and a scale mean |x| for each tensor, d / 8 + 4 L
    top         the largest entries by size, 8 bytes each: place and float32

The server keeps what a short form leaves out and adds it to the next difference (error feedback).

Reference: Seide et al. 2014 (1-bit SGD with error feedback); Karimireddy et al. 2019,
arXiv:1901.09847; Stich et al. 2018, arXiv:1809.07599 (largest entries).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

Form = Literal["float32", "int8", "sign", "top"]

LEVELS = 127  # of int8 on each side of 0


def compressed(x: Tensor, form: Form, sizes: Sequence[int], share: float) -> Tensor:
    """Return the vector that the short form of x stands for, (d,) float32.

    Args:
        sizes: the number of entries of each tensor.
        share: of the entries, for "top".
    """
    if form == "float32":
        return x
    if form == "top":
        return largest(x, entries(len(x), share))
    of_tensor = int8 if form == "int8" else signs
    return torch.cat([of_tensor(part) for part in x.split(list(sizes))])


def message_bytes(form: Form, sizes: Sequence[int], share: float) -> int:
    """The bytes of a short form."""
    d, scales = sum(sizes), 4 * len(sizes)
    each = {"float32": 4 * d, "int8": d + scales, "sign": -(-d // 8) + scales}
    return each[form] if form in each else 8 * entries(d, share)


def int8(x: Tensor) -> Tensor:
    """The nearest multiples of max |x| / 127."""
    scale = x.abs().max() / LEVELS
    return scale * (x / scale.clamp(min=torch.finfo(x.dtype).tiny)).round()


def signs(x: Tensor) -> Tensor:
    """mean |x|, with the signs of x; an entry of 0 counts as positive."""
    size = x.double().abs().mean().float()
    return torch.where(x < 0, -size, size)


def largest(x: Tensor, n: int) -> Tensor:
    """The n entries of x that are largest by size, 0 elsewhere; of equal ones the first."""
    places = x.abs().sort(descending=True, stable=True).indices[:n]
    return torch.zeros_like(x).index_copy(0, places, x[places])


def entries(d: int, share: float) -> int:
    """The number of entries in a short form of the largest ones, at least one."""
    return max(1, round(share * d))
