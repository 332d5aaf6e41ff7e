"""The engine of a single client, which keeps what it computes: the content of a node's message."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import Moves
from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.engines.layerwise import Layerwise
from zowarmup.models.directions import Directions


class OneClient:
    """See algorithms.engine_protocol; what a real client does not compute is left out.

    Attributes:
        local: the client's models after local steps.
        losses: its two-point losses (S, 2) of the last call; empty before one.
    """

    def __init__(self, engine: Layerwise) -> None:
        self.engine = engine
        self.local: list[Tensor] = []
        self.losses = torch.empty(0, 2)

    @property
    def d(self) -> int:
        """Number of parameters."""
        return self.engine.d

    def with_moves(self, moves: Moves | None) -> "OneClient":
        """See algorithms.engine_protocol; the engine itself is changed."""
        self.engine = self.engine.with_moves(moves)
        return self

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        for w_i in self.engine.local_sgd(w, clients, orders, sgd):
            self.local.append(w_i)
            yield w_i

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        zo: LocalZO,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """See algorithms.engine_protocol."""
        return self.engine.local_zo_steps(w, clients, directions, orders, zo)

    def two_point(
        self, w: Tensor, clients: Sequence[int], directions: Directions, radius: float
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        losses = self.engine.two_point(w, clients, directions, radius)
        self.losses = losses[0]
        return losses
