"""The fast engine for any network: torch.func.vmap over the clients' models."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, vmap

from zowarmup.engines.batch_invariant import BatchInvariant
from zowarmup.engines.side_by_side import SideBySide
from zowarmup.models import aligned_memory, static_norm


class Vmap(SideBySide):
    """Clients of equal size side by side, each operation of the network on all models at once.

    The scalars differ from those of `plain` by rounding, in the order of operations. On the CPU
    with one thread a client's result does not depend on the other clients, bit for bit;
    with more threads, and on CUDA, a product for another number of models may be cut otherwise,
    which changes last bits.
    """

    axis: ClassVar[int] = 1

    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (B, n, ...) -> (G, classes, n)."""
        if len(W) == 1:  # beside its own copy: kernels for a single model round otherwise
            return self.logits(W.expand(2, -1), torch.cat((x, x)))[:1]
        n, each = x.shape[1], len(W) // len(x)
        if static_norm.has(self.model):  # further images would change the batch's statistics
            out = self.side_by_side if n % aligned_memory.VECTOR == 0 else self.one_by_one
            return out(W, x.repeat_interleave(each, dim=0)).mT
        return self.side_by_side(W, aligned_memory.fill(x, 1).repeat_interleave(each, dim=0)).mT[
            ..., :n
        ]

    def side_by_side(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (G, n, ...) -> (G, n, classes)."""
        with BatchInvariant():
            out: Tensor = vmap(self.one)(W, x)
        return out

    def one_by_one(self, W: Tensor, x: Tensor) -> Tensor:
        """The same, where n images end within a vector, so that the next would not be aligned."""
        return torch.stack(
            [self.one(aligned_memory.begin(w), x_g.clone()) for w, x_g in zip(W, x, strict=True)]
        )

    def one(self, w: Tensor, x: Tensor) -> Tensor:
        """The network itself, which unlike FlatModel.logits keeps no tensor of the last call."""
        out: Tensor = functional_call(self.model.network, self.model.named(w), (x,))
        return out
