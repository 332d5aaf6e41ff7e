"""The fast engine for any network: torch.func.vmap over the clients' models."""

from typing import ClassVar

from torch import Tensor
from torch.func import functional_call, vmap

from zowarmup.simulation.engines.blocks import Blocks


class Vmap(Blocks):
    """Clients of equal size side by side, each operation of the network on all models at once.

    The scalars differ from those of `plain` by rounding, in the order of operations. On the CPU
    with one thread a client's result does not depend on who else is in the cohort, bit for bit;
    with more threads, and on CUDA, a product for another number of models may be cut otherwise,
    which changes last bits.
    """

    images: ClassVar[int] = 1

    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (B, n, ...) -> (G, classes, n)."""
        if len(W) == 1:  # beside its own copy: kernels for a single model round otherwise
            return self.logits(W.expand(2, -1), x.expand(2, *x.shape[1:]))[:1]
        out: Tensor = vmap(self.one)(W, x.repeat_interleave(len(W) // len(x), dim=0))
        return out.mT

    def one(self, w: Tensor, x: Tensor) -> Tensor:
        """The network itself, which unlike FlatModel.logits keeps no tensor of the last call."""
        out: Tensor = functional_call(self.model.network, self.model.named(w), (x,))
        return out
