"""Any engine on several processes, which divide the clients and put the results in order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import Moves
from zowarmup.algorithms.engine_protocol import SGD, Engine, LocalZO
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel
from zowarmup.runtime.process_group import ProcessGroup

Compute = Callable[[list[int], Directions], Tensor]


class Distributed:
    """Process i mod size computes client i of a cohort, with its own engine.

    For two-point losses and directional derivatives, processes exchange scalars alone, from which
    every process computes the step, as real clients do. For models, each process trains its next
    client, then the models are sent in order, so that one model per process exists at a time.

    The bits are those of the engine itself if a client's result does not depend on the other
    clients of the cohort; see plan.resolve.

    Args:
        engine: an engine with all clients, in every process.
        sizes: training images of every client.
    """

    def __init__(self, engine: Engine, sizes: Sequence[int], group: ProcessGroup) -> None:
        self.engine, self.sizes, self.group = engine, sizes, group
        self.model, self.d = engine.model, engine.d

    def with_model(self, model: FlatModel) -> "Distributed":
        """See algorithms.engine_protocol."""
        return Distributed(self.engine.with_model(model), self.sizes, self.group)

    def with_moves(self, moves: Moves | None) -> "Distributed":
        """See algorithms.engine_protocol."""
        engine = self.engine.with_moves(moves)
        return self if engine is self.engine else Distributed(engine, self.sizes, self.group)

    def labels(self, clients: Sequence[int]) -> Tensor:
        """See algorithms.engine_protocol; every process knows all labels."""
        return self.engine.labels(clients)

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
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
        """See algorithms.engine_protocol."""
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
        """See algorithms.engine_protocol."""
        compute = partial(self.engine.two_point, w, radius=radius)
        return self._scalars(compute, clients, directions, 2)

    def directional_derivatives(
        self, w: Tensor, clients: Sequence[int], directions: Directions
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        compute = partial(self.engine.directional_derivatives, w)
        return self._scalars(compute, clients, directions)

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        mine, _ = self._mine(clients)
        return self._models(w, self.engine.each_gradient(w, mine) if mine else (), len(clients))

    def _mine(self, clients: Sequence[int]) -> tuple[list[int], list[int]]:
        """This process's clients, and their rows in the cohort."""
        rows = list(self.group.mine(len(clients)))
        return [clients[row] for row in rows], rows

    def _own(self, directions: Directions, A: int) -> Directions:
        """The directions of this process's clients, with rows (client, ...) as in `directions`."""
        keys = directions.keys
        rows = torch.arange(len(keys), device=keys.device).view(A, -1)[self.group.mine(A)]
        return directions.take(rows.flatten())

    def _scalars(
        self, compute: Compute, clients: Sequence[int], directions: Directions, *shape: int
    ) -> Tensor:
        """The scalars that `compute` gives for all A clients, (A, S, *shape)."""
        A, (mine, _) = len(clients), self._mine(clients)
        own = torch.empty(0, len(directions.keys) // A, *shape, dtype=torch.float64)
        return self.group.gather(compute(mine, self._own(directions, A)) if mine else own, A)

    def _models(self, w: Tensor, own: Iterable[Tensor], n: int) -> Iterator[Tensor]:
        """Yield n models or gradients of the shape of w, in the order of the cohort."""
        ones = ((w_i,) for w_i in own)
        return (w_i for (w_i,) in self._in_order(ones, lambda i: (torch.empty_like(w),), n))

    def _in_order(
        self,
        own: Iterable[tuple[Tensor, ...]],
        blank: Callable[[int], tuple[Tensor, ...]],
        n: int,
    ) -> Iterator[tuple[Tensor, ...]]:
        """Yield the results of all n clients in order; `own` yields those of this process.

        blank: returns empty tensors with the shapes of the result of the client in row i.
        """
        results, size = iter(own), self.group.size
        for start in range(0, n, size):
            own_result = next(results) if start + self.group.rank < n else ()
            for source in range(min(size, n - start)):
                tensors = own_result if source == self.group.rank else blank(start + source)
                yield tuple(self.group.broadcast(tensor, source) for tensor in tensors)
