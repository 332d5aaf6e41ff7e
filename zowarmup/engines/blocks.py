"""What the fast engines share: clients of equal size side by side, each with its own models.

    B       clients of equal size worked on together, so many that at most `block` models are
    G       models side by side, B x S x 2 in a probe, B in training
    S, d    directions per client and step; parameters
    n, b    images of a client, of a batch

A subclass says how many models are run at once.
"""

import copy
import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.algorithms.augmentation import Moves
from zowarmup.algorithms.rounds import SGD
from zowarmup.engines import local_steps
from zowarmup.engines.client_groups import (
    Clients,
    Seen,
    accompanied,
    both_ways,
    in_order,
    shelves,
    some,
    tight,
)
from zowarmup.engines.images import Images
from zowarmup.models import aligned_memory
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel

Block = tuple[list[int], Seen]  # rows of the cohort, what each epoch shows of these clients


class Blocks(ABC):
    """Clients of equal size side by side.

    Args:
        model: the network as a function of w.
        data: each client's training images.
        micro_batch: images per forward pass.
        block: models worked on together; more are faster while their activations fit the cache.
    """

    images: ClassVar[int]  # the dimension of images that counts them

    def __init__(
        self,
        model: FlatModel,
        data: Sequence[Images],
        micro_batch: int,
        block: int = 60,
    ) -> None:
        self.micro_batch, self.block = micro_batch, block
        self.take_up(model)
        self.shelves, self.kept = shelves(data, self.images)

    def take_up(self, model: FlatModel) -> None:
        """All that depends on the network."""
        self.model, self.d = model, model.d

    @abstractmethod
    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """The outputs of all models: W (G, d), x the images of B clients -> (G, classes, n)."""

    def of(self, model: FlatModel) -> Self:
        """See algorithms.rounds.Engine."""
        other = copy.copy(self)
        other.take_up(model)
        return other

    def labels(self, clients: Sequence[int]) -> Tensor:
        """See algorithms.rounds.Engine."""
        classes = local_steps.classes(self.model)
        found = (
            (rows, local_steps.present(here.y, classes)) for rows, (here,) in self.blocks(clients)
        )
        return torch.stack(list(in_order(found)))

    def train(
        self,
        w: Tensor,
        clients: Sequence[int],
        orders: Tensor,
        sgd: SGD,
        *,
        masked: bool = False,
        moves: Moves | None = None,
    ) -> Iterator[Tensor]:
        """See algorithms.rounds.Engine."""
        return in_order(
            (rows, self.trained(w, seen, orders[tight(rows)], sgd, masked))
            for rows, seen in self.blocks(clients, epochs=orders.shape[1], moves=moves)
        )

    def trained(self, w: Tensor, seen: Seen, orders: Tensor, sgd: SGD, masked: bool) -> Tensor:
        """A block's models after SGD from w, (B, d)."""
        W = aligned_memory.stack(w, len(seen[0].y))
        buffer = local_steps.start(W, sgd)
        absent = (
            ~local_steps.present(seen[0].y, local_steps.classes(self.model)) if masked else None
        )
        for images in local_steps.batches(seen, orders, sgd.batch):
            self.sgd_step(W, buffer, images.x(), images.y, absent, sgd)
        return W

    def sgd_step(
        self, W: Tensor, buffer: Tensor, x: Tensor, y: Tensor, absent: Tensor | None, sgd: SGD
    ) -> None:
        """One step of each client's own row of W and of the buffer, (B, d), in place."""
        local_steps.sgd_step(W, self.gradients(W, x, y, absent) / y.shape[1], buffer, sgd)

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        *,
        S: int,
        batch: int,
        eps: float,
        tau: float,
        lr: float,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """See algorithms.rounds.Engine."""
        layout = (len(clients), len(directions.keys) // (len(clients) * S), S)

        def walk(rows: list[int], seen: Seen) -> Iterator[tuple[Tensor, Tensor]]:
            W, met = w.expand(len(rows), -1), []
            for t, images in enumerate(local_steps.batches(seen, orders[rows], batch)):
                u = some(directions, layout, (tight(rows), t))
                losses = self.pairs(W[:, None], u, eps * tau, images)
                met.append(local_steps.scalars(losses, eps))
                W = local_steps.zo_step(W, met[-1], u.unbind(1), tau=tau, lr=lr)
            return zip(W, torch.stack(met, dim=1).cpu(), strict=True)

        blocks = self.blocks(clients, 2 * S, epochs=orders.shape[1])
        return in_order((rows, walk(rows, seen)) for rows, seen in blocks)

    @torch.inference_mode()
    def two_point(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        *,
        radius: float,
        moves: Moves | None = None,
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for rows, (here,) in self.blocks(clients, 2 * S, moves=moves):
            u = some(directions, (len(clients), S), tight(rows))
            losses[tight(rows)] = self.pairs(w, u, radius, here).cpu()
        return losses

    @torch.inference_mode()
    def pairs(self, w: Tensor, u: Tensor, radius: float, here: Clients) -> Tensor:
        """Mean losses on both sides of w along each client's u: (B, S, d) -> (B, S, 2) float64."""
        W, micro = both_ways(w, u, radius), here.split(self.micro_batch)
        parts = [self.losses(W, images.x(), images.y).double().sum(1) for images in micro]
        return torch.stack(parts).sum(0).view(*u.shape[:2], 2) / len(here)

    def directional_derivatives(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        *,
        moves: Moves | None = None,
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        directional_derivatives = torch.empty(len(clients), S, dtype=torch.float64)
        for rows, (here,) in self.blocks(clients, moves=moves):
            g = self.mean_gradients(w, here).double()
            u = some(directions, (len(clients), S), tight(rows)).double()
            directional_derivatives[tight(rows)] = u.mul_(g[:, None]).sum(-1).cpu()
        return directional_derivatives

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterator[Tensor]:
        """See algorithms.rounds.Engine."""
        blocks = self.blocks(clients)
        return in_order((rows, self.mean_gradients(w, here)) for rows, (here,) in blocks)

    def mean_gradients(self, w: Tensor, here: Clients) -> Tensor:
        """Of the mean loss of each client of a block at w, (B, d)."""
        W, micro = aligned_memory.stack(w, len(here.y)), here.split(self.micro_batch)
        parts = [self.gradients(W, images.x(), images.y) for images in micro]
        return torch.stack(parts).sum(0).div(len(here))

    def losses(self, W: Tensor, x: Tensor, y: Tensor, absent: Tensor | None = None) -> Tensor:
        """Cross-entropy of each image under each model: W (G, d), y (B, n) -> (G, n).

        absent: (G, classes), logits to count as 0.
        """
        out = self.logits(W, x)
        if absent is not None:
            out = out.masked_fill(absent[..., None], 0.0)
        labels = y.repeat_interleave(len(out) // len(y), dim=0)
        return cross_entropy(out, labels, reduction="none")

    def gradients(self, W: Tensor, x: Tensor, y: Tensor, absent: Tensor | None = None) -> Tensor:
        """Of the sum of each client's losses at its own row of W, (B, d)."""
        W = W.detach().requires_grad_()
        return torch.autograd.grad(self.losses(W, x, y, absent).sum(), W)[0]

    def blocks(
        self,
        clients: Sequence[int],
        models: int = 1,
        *,
        epochs: int = 1,
        moves: Moves | None = None,
    ) -> Iterator[Block]:
        """Where in the cohort the clients of a block stand, and what each epoch shows of them.

        models: that each client needs at once.
        """
        B = max(1, self.block // models)
        sizes = range(len(self.shelves))
        found = (self.of_size(size, clients, B, epochs, moves) for size in sizes)
        # In the order of their first rows, so that few results wait for those of other sizes.
        return heapq.merge(*found, key=lambda block: block[0][0])

    def of_size(
        self, size: int, clients: Sequence[int], B: int, epochs: int, moves: Moves | None
    ) -> Iterator[Block]:
        """The blocks of clients of one size, all on one shelf."""
        (places, shelf), kept = self.shelves[size], self.kept[size]
        here = [row for row, client in enumerate(clients) if client in places]
        for start in range(0, len(here), B):
            rows = accompanied(here[start : start + B])
            some = [clients[row] for row in rows]
            at = tight([places[client] for client in some])
            if moves is None:
                yield rows, [kept.at(at)] * epochs
            else:
                yield rows, shelf.at(at).moved(moves.of(some, epochs, len(shelf)))
