"""The fast engine for small networks: many clients and directions at once.

The operations on many models at once are in `stacked`; `dense` trains the smallest networks.
"""

from typing import ClassVar

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.common.errors import UserError
from zowarmup.engines import dense, local_steps
from zowarmup.engines.chain import chain, logits
from zowarmup.engines.side_by_side import SideBySide
from zowarmup.models import aligned_memory
from zowarmup.models.flat import FlatModel


class Batched(SideBySide):
    """Computes clients of equal size side by side, layer by layer, with images innermost in memory.

    The scalars differ from those of `plain` by rounding: the order of operations differs. On the
    CPU, a client's result does not depend on the other clients of the cohort, bit for bit.

    Raises:
        UserError: `chain.chain` does not know a layer of the network, or the network has shared or
            frozen parameters or buffers; use the engine vmap.
    """

    axis: ClassVar[int] = -1

    def set_model(self, model: FlatModel) -> None:
        super().set_model(model)
        if not model.is_plain:
            raise UserError(
                "engine batched cannot run a network with shared or frozen parameters or with "
                "buffers; set engine.name to vmap or plain"
            )
        self.links = chain(model.network)
        self.dense = dense.is_dense(self.links)

    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """W (G, d), x (B, ..., n) -> (G, classes, n)."""
        return logits(self.links, self.cut(W), aligned_memory.fill(x, -1))[..., : x.shape[-1]]

    def sgd_step(
        self, W: Tensor, buffer: Tensor, x: Tensor, y: Tensor, absent: Tensor | None, sgd: SGD
    ) -> None:
        """Take a step of each client, in place, on its row of W and of the buffer, (B, d)."""
        if not self.dense:
            super().sgd_step(W, buffer, x, y, absent, sgd)
        elif sgd.clip or sgd.momentum:
            g = torch.zeros_like(W)
            dense.backward(
                self.links, self.cut(W), x, y, absent, into=self.cut(g), alpha=1.0, beta=1.0
            )
            local_steps.sgd_step(W, g, buffer, sgd)
        else:  # the gradient itself is not needed
            own, beta = self.cut(W), 1 - sgd.lr * sgd.weight_decay
            dense.backward(self.links, own, x, y, absent, into=own, alpha=-sgd.lr, beta=beta)

    def cut(self, W: Tensor) -> list[Tensor]:
        """Cut rows of flat parameters, (G, d), into the network's parameters, (G, ...) each."""
        parts = W.split(self.model.sizes, dim=1)
        return [p.view(-1, *shape) for p, shape in zip(parts, self.model.shapes, strict=True)]
