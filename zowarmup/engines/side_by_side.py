"""The base of the fast engines: clients of equal size side by side, each with its own models.

    block   B clients of equal size, computed together
    G       number of models side by side: B x S x 2 for two-point losses, B in training
    S, d    number of directions per client and step, number of parameters
    n, b    number of images of a client, number of images of a batch

A subclass implements `logits`, which runs many models at once.
"""

import copy
import heapq
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar, Self

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.engines import local_steps
from zowarmup.engines.client_groups import (
    ClientGroup,
    ClientImages,
    Epochs,
    as_slice,
    at_least_two,
    both_sides,
    client_groups,
    in_order,
    select,
)
from zowarmup.engines.images import Images, Movable
from zowarmup.models import aligned_memory, loss
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel

Block = tuple[list[int], Epochs]  # rows of the cohort, and the images of these clients


class SideBySide(Movable, ABC):
    """Computes clients of equal size side by side.

    Args:
        model: the network as a function of w.
        data: each client's training images.
        micro_batch: images per forward pass.
        block: models computed together; more are faster while their activations fit the cache.
    """

    axis: ClassVar[int]  # the dimension of x that counts the images of a client

    def __init__(
        self, model: FlatModel, data: Sequence[Images], micro_batch: int, block: int = 60
    ) -> None:
        self.micro_batch, self.block = micro_batch, block
        self.groups = client_groups(data, self.axis)
        self.set_model(model)

    def set_model(self, model: FlatModel) -> None:
        """Set everything that depends on the network."""
        self.model, self.d = model, model.d

    @abstractmethod
    def logits(self, W: Tensor, x: Tensor) -> Tensor:
        """The outputs of all models: W (G, d), x of B clients -> (G, classes, n[, T])."""

    def with_model(self, model: FlatModel) -> Self:
        """See algorithms.engine_protocol."""
        other = copy.copy(self)
        other.set_model(model)
        return other

    def labels(self, clients: Sequence[int]) -> Tensor:
        """See algorithms.engine_protocol."""
        present = (
            (rows, local_steps.present(images.y.flatten(1), self.model))
            for rows, (images,) in self.blocks(clients)
        )
        return torch.stack(list(in_order(present)))

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        blocks = self.blocks(clients, epochs=orders.shape[1])
        return in_order((rows, self._sgd(w, b, orders[as_slice(rows)], sgd)) for rows, b in blocks)

    def _sgd(self, w: Tensor, epochs: Epochs, orders: Tensor, sgd: SGD) -> Tensor:
        """A block's models after SGD from w, (B, d)."""
        W = aligned_memory.stack(w, len(epochs[0].y))
        buffer = local_steps.start(W, sgd)
        absent = local_steps.absent(epochs[0].y.flatten(1), self.model, sgd)
        for images in local_steps.batches(epochs, orders, sgd.batch):
            self.sgd_step(W, buffer, images.x(), images.y, absent, sgd)
        return W

    def sgd_step(
        self, W: Tensor, buffer: Tensor, x: Tensor, y: Tensor, absent: Tensor | None, sgd: SGD
    ) -> None:
        """Take a step of each client, in place, on its row of W and of the buffer, (B, d)."""
        local_steps.sgd_step(W, self.gradients(W, x, y, absent) / y.shape[1], buffer, sgd)

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        zo: LocalZO,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """See algorithms.engine_protocol."""
        layout = (len(clients), len(directions.keys) // (len(clients) * zo.S), zo.S)

        def steps(rows: list[int], epochs: Epochs) -> Iterator[tuple[Tensor, Tensor]]:
            W, scalars = w.expand(len(rows), -1), []
            for t, images in enumerate(local_steps.batches(epochs, orders[rows], zo.batch)):
                u = select(directions, layout, (as_slice(rows), t))
                losses = self.mean_losses(W[:, None], u, zo.eps * zo.tau, images)
                scalars.append(local_steps.scalars(losses, zo.eps))
                W = local_steps.zo_step(W, scalars[-1], u.unbind(1), zo)
            return zip(W, torch.stack(scalars, dim=1).cpu(), strict=True)

        blocks = self.blocks(clients, 2 * zo.S, epochs=orders.shape[1])
        return in_order((rows, steps(rows, epochs)) for rows, epochs in blocks)

    @torch.inference_mode()
    def two_point(
        self, w: Tensor, clients: Sequence[int], directions: Directions, radius: float
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for rows, (images,) in self.blocks(clients, 2 * S):
            u = select(directions, (len(clients), S), as_slice(rows))
            losses[as_slice(rows)] = self.mean_losses(w, u, radius, images).cpu()
        return losses

    @torch.inference_mode()
    def mean_losses(self, w: Tensor, u: Tensor, radius: float, images: ClientImages) -> Tensor:
        """Mean losses on both sides of w along each client's u: (B, S, d) -> (B, S, 2) float64."""
        W, micro = both_sides(w, u, radius), images.split(self.micro_batch)
        parts = [self.losses(W, batch.x(), batch.y).double().sum(1) for batch in micro]
        return torch.stack(parts).sum(0).view(*u.shape[:2], 2) / len(images)

    def directional_derivatives(
        self, w: Tensor, clients: Sequence[int], directions: Directions
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        S = len(directions.keys) // len(clients)
        derivatives = torch.empty(len(clients), S, dtype=torch.float64)
        for rows, (images,) in self.blocks(clients):
            g = self.mean_gradients(w, images).double()
            u = select(directions, (len(clients), S), as_slice(rows)).double()
            derivatives[as_slice(rows)] = u.mul_(g[:, None]).sum(-1).cpu()
        return derivatives

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        blocks = self.blocks(clients)
        return in_order((rows, self.mean_gradients(w, images)) for rows, (images,) in blocks)

    def mean_gradients(self, w: Tensor, images: ClientImages) -> Tensor:
        """Gradient of each client's mean loss at w, (B, d)."""
        W, micro = aligned_memory.stack(w, len(images.y)), images.split(self.micro_batch)
        parts = [self.gradients(W, batch.x(), batch.y) for batch in micro]
        return torch.stack(parts).sum(0).div(len(images))

    def losses(self, W: Tensor, x: Tensor, y: Tensor, absent: Tensor | None = None) -> Tensor:
        """Cross-entropy of each image under each model: W (G, d), y (B, n[, T]) -> (G, n).

        absent: (G, classes), logits that count as 0.
        """
        out = self.logits(W, x)
        if absent is not None:
            out = out.masked_fill(absent.view(*absent.shape, *[1] * (out.dim() - 2)), 0.0)
        labels = y.repeat_interleave(len(out) // len(y), dim=0)
        return loss.of_models(out, labels)

    def gradients(self, W: Tensor, x: Tensor, y: Tensor, absent: Tensor | None = None) -> Tensor:
        """Gradient of the sum of each client's losses at its own row of W, (B, d)."""
        W = W.detach().requires_grad_()
        return torch.autograd.grad(self.losses(W, x, y, absent).sum(), W)[0]

    def blocks(
        self, clients: Sequence[int], models: int = 1, *, epochs: int = 1
    ) -> Iterator[Block]:
        """Yield the blocks of a cohort, in the order of their first rows.

        In this order, few results have to wait for clients of other sizes.

        models: number of models that each client needs at once.
        """
        B = max(1, self.block // models)
        blocks = (self._blocks(group, clients, B, epochs) for group in self.groups)
        return heapq.merge(*blocks, key=lambda block: block[0][0])

    def _blocks(
        self, group: ClientGroup, clients: Sequence[int], B: int, epochs: int
    ) -> Iterator[Block]:
        """The blocks of a cohort's clients in one group."""
        members = [row for row, client in enumerate(clients) if client in group.positions]
        for start in range(0, len(members), B):
            rows = at_least_two(members[start : start + B])
            yield rows, group.epochs([clients[row] for row in rows], epochs, self.moves)
