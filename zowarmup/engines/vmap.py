"""The fast engine for any network: torch.func.vmap over the clients' models."""

from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from zowarmup.engines.batch_invariant import BatchInvariant
from zowarmup.engines.side_by_side import SideBySide
from zowarmup.models import aligned_memory, static_norm


class Vmap(SideBySide):
    """Computes clients of equal size side by side: each operation runs on all models at once.

    The scalars differ from those of `plain` by rounding: the order of operations differs. On the
    CPU with one thread, a client's result does not depend on the other clients, bit for bit. With
    more threads, and on CUDA, a library may divide a product differently for another number of
    models, which changes last bits.
    """

    axis: ClassVar[int] = 1

    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (B, n, ...) -> (G, classes, n[, T])."""
        if len(W) == 1:  # doubled, because kernels for a single model round differently
            return self.logits(W.expand(2, -1), torch.cat((x, x)))[:1]
        n, each = x.shape[1], len(W) // len(x)
        if static_norm.has(self.model):  # padding would change the batch's statistics
            out = self.side_by_side if n % aligned_memory.VECTOR == 0 else self.one_by_one
            return out(W, x.repeat_interleave(each, dim=0)).movedim(-1, 1)
        padded = aligned_memory.fill(x, 1).repeat_interleave(each, dim=0)
        return self.side_by_side(W, padded)[:, :n].movedim(-1, 1)

    def side_by_side(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (G, n, ...) -> (G, n, [T,] classes)."""
        with BatchInvariant(), sdpa_kernel(SDPBackend.MATH):  # vmap has no rule for the others
            out: Tensor = vmap(self.one)(W, x)
        return out

    def one_by_one(self, W: Tensor, x: Tensor) -> Tensor:
        """As `side_by_side`, for an n with which the next model's images would not be aligned."""
        return torch.stack(
            [self.one(aligned_memory.begin(w), x_g.clone()) for w, x_g in zip(W, x, strict=True)]
        )

    def one(self, w: Tensor, x: Tensor) -> Tensor:
        """Run the network; unlike FlatModel.logits, this keeps no tensor of the last call."""
        out: Tensor = functional_call(self.model.network, self.model.tensors(w), (x,))
        return out
