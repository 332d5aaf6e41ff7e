"""Any engine over several processes: clients are dealt out, their results put back in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import Moves
from zowarmup.algorithms.engine import SGD, Engine, LocalZO
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel
from zowarmup.runtime.process_group import ProcessGroup


class Distributed:
    """Client i of a cohort is computed by process i mod size, with the engine that it has there.

    Two-point losses and directional derivatives exchange scalars alone; everybody makes the step
    again from those, as real clients do. Where models are asked for, each process works out its
    next one, then all of them are sent around in order: as many models as processes exist at a
    time.

    The bits are those of the engine itself if a client's result there does not depend on who else
    is in the cohort; see settings.resolve.

    Args:
        engine: has all clients, in every process.
        sizes: training images of every client.
    """

    def __init__(self, engine: Engine, sizes: Sequence[int], group: ProcessGroup) -> None:
        self.engine, self.sizes, self.group = engine, sizes, group
        self.model, self.d = engine.model, engine.d

    def with_model(self, model: FlatModel) -> "Distributed":
        """See algorithms.engine."""
        return Distributed(self.engine.with_model(model), self.sizes, self.group)

    def with_moves(self, moves: Moves | None) -> "Distributed":
        """See algorithms.engine."""
        return Distributed(self.engine.with_moves(moves), self.sizes, self.group)

    def labels(self, clients: Sequence[int]) -> Tensor:
        """See algorithms.engine; known everywhere."""
        return self.engine.labels(clients)

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """See algorithms.engine."""
        mine, rows = self._mine(clients)
        trained = self.engine.local_sgd(w, mine, orders[rows], sgd) if mine else ()
        return self._models(w, trained, len(clients))

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        zo: LocalZO,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """See algorithms.engine."""
        mine, rows = self._mine(clients)
        models: Iterable[tuple[Tensor, ...]] = ()
        if mine:
            own = self._own(directions, len(clients))
            models = self.engine.local_zo_steps(w, mine, own, orders[rows], zo)

        def blank(i: int) -> tuple[Tensor, Tensor]:
            steps = orders.shape[1] * -(-self.sizes[clients[i]] // zo.batch)
            return torch.empty_like(w), torch.empty(steps, zo.S)

        return ((w_i, scalars) for w_i, scalars in self._in_order(models, blank, len(clients)))

    def two_point(
        self, w: Tensor, clients: Sequence[int], directions: Directions, radius: float
    ) -> Tensor:
        """See algorithms.engine."""
        mine, _ = self._mine(clients)
        results = torch.empty(0, len(directions.keys) // len(clients), 2, dtype=torch.float64)
        if mine:
            own = self._own(directions, len(clients))
            results = self.engine.two_point(w, mine, own, radius)
        return self.group.gather(results, len(clients))

    def directional_derivatives(
        self, w: Tensor, clients: Sequence[int], directions: Directions
    ) -> Tensor:
        """See algorithms.engine."""
        mine, _ = self._mine(clients)
        results = torch.empty(0, len(directions.keys) // len(clients), dtype=torch.float64)
        if mine:
            own = self._own(directions, len(clients))
            results = self.engine.directional_derivatives(w, mine, own)
        return self.group.gather(results, len(clients))

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterator[Tensor]:
        """See algorithms.engine."""
        mine, _ = self._mine(clients)
        return self._models(w, self.engine.each_gradient(w, mine) if mine else (), len(clients))

    def _mine(self, clients: Sequence[int]) -> tuple[list[int], list[int]]:
        """This process's clients, and their rows in the cohort."""
        rows = list(self.group.mine(len(clients)))
        return [clients[row] for row in rows], rows

    def _own(self, directions: Directions, A: int) -> Directions:
        """Those of this process's clients, rows (client, ...) as before."""
        keys = directions.keys
        rows = torch.arange(len(keys), device=keys.device).view(A, -1)[self.group.mine(A)]
        return directions.take(rows.flatten())

    def _models(self, w: Tensor, own: Iterable[Tensor], n: int) -> Iterator[Tensor]:
        """n models or gradients as w, in order."""
        ones = ((w_i,) for w_i in own)
        for (w_i,) in self._in_order(ones, lambda i: (torch.empty_like(w),), n):
            yield w_i

    def _in_order(
        self,
        own: Iterable[tuple[Tensor, ...]],
        blank: Callable[[int], tuple[Tensor, ...]],
        n: int,
    ) -> Iterator[tuple[Tensor, ...]]:
        """The results of all n clients from those of this process, one for each process at a time.

        blank: tensors of the shapes that the result of the client in row i has.
        """
        results, size = iter(own), self.group.size
        for start in range(0, n, size):
            own_result = next(results) if start + self.group.rank < n else ()
            for source in range(min(size, n - start)):
                tensors = own_result if source == self.group.rank else blank(start + source)
                yield tuple(self.group.broadcast(tensor, source) for tensor in tensors)
