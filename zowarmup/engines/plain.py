"""The reference engine: one client and one direction at a time, as the paper writes it."""

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Self

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.engines import local_steps
from zowarmup.engines.images import Images, Movable
from zowarmup.models import aligned_memory, loss
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel

Logits = Callable[[Tensor], Tensor]


class Plain(Movable):
    """Computes the clients one after another on one copy of the model.

    Args:
        model: the network as a function of w.
        data: each client's training images.
        micro_batch: images per forward pass; fixed, so that both losses of a pair see the same
            batches. Both models begin at a cache line, so that rounding errors cancel.
        precision: "float32", or "bfloat16" for the passes of `local_sgd` and
            `directional_derivatives`. Two-point losses stay in float32.
        channels_last: keep images in memory with the channels innermost, which is faster for
            convolutions of many channels. The order of w does not change.
    """

    def __init__(
        self,
        model: FlatModel,
        data: Sequence[Images],
        micro_batch: int,
        precision: str = "float32",
        channels_last: bool = False,
    ) -> None:
        self.model, self.data, self.micro_batch = model, data, micro_batch
        self.precision, self.channels_last = precision, channels_last
        self.d = model.d
        self.sides = torch.empty(2, 0)  # where `both_sides` puts its two models

    def with_model(self, model: FlatModel) -> Self:
        """See algorithms.engine_protocol."""
        other = copy.copy(self)
        other.model, other.d, other.sides = model, model.d, torch.empty(2, 0)
        return other

    def labels(self, clients: Sequence[int]) -> Tensor:
        """See algorithms.engine_protocol."""
        return torch.stack(
            [local_steps.present(self.data[i].y.flatten(), self.model) for i in clients]
        )

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        for client, order in zip(clients, orders, strict=True):
            epochs = self.epochs(client, len(order))
            absent = local_steps.absent(epochs[0].y.flatten(), self.model, sgd)
            w_i, buffer = w.clone().requires_grad_(), local_steps.start(w, sgd)
            for batch in local_steps.batches(epochs, order, sgd.batch):
                out = self.logits(w_i, batch, self.precision)
                out = out if absent is None else out.masked_fill(absent, 0.0)
                (g,) = torch.autograd.grad(loss.mean(out, batch.y), w_i)
                with torch.no_grad():
                    local_steps.sgd_step(w_i, g, buffer, sgd)
            yield w_i.detach()

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        zo: LocalZO,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """See algorithms.engine_protocol."""
        steps = len(directions.keys) // (len(clients) * zo.S)
        for i, client in enumerate(clients):
            w_i, scalars = w, []
            epochs = self.epochs(client, len(orders[i]))
            for t, batch in enumerate(local_steps.batches(epochs, orders[i], zo.batch)):
                j = (i * steps + t) * zo.S
                js = range(j, j + zo.S)
                losses = self.mean_losses(w_i, directions, js, zo.eps * zo.tau, batch)
                scalars.append(local_steps.scalars(losses, zo.eps))
                w_i = local_steps.zo_step(w_i, scalars[-1], map(directions.row, js), zo)
            yield w_i, torch.stack(scalars)

    def epochs(self, client: int, number: int = 1) -> list[Images]:
        """A client's images as each epoch shows them."""
        images = self.data[client]
        if self.moves is None:
            return [images] * number
        return images.moved(self.moves.draw((client,), number, len(images))[0])

    def two_point(
        self, w: Tensor, clients: Sequence[int], directions: Directions, radius: float
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for i, client in enumerate(clients):
            js = range(i * S, i * S + S)
            losses[i] = self.mean_losses(w, directions, js, radius, *self.epochs(client))
        return losses

    @torch.inference_mode()
    def mean_losses(
        self, w: Tensor, directions: Directions, js: range, radius: float, images: Images
    ) -> Tensor:
        """Mean losses of some images on both sides of w along each u_j, (S, 2) float64."""
        pairs = (self.both_sides(w, directions, j, radius) for j in js)
        losses = [[self.mean_loss(logits, images) for logits in pair] for pair in pairs]
        return torch.tensor(losses, dtype=torch.float64)

    def both_sides(
        self, w: Tensor, directions: Directions, j: int, radius: float
    ) -> tuple[Logits, Logits]:
        """Return the network at w + radius u_j and at w - radius u_j, valid until the next call."""
        if not self.sides.numel():  # kept, because new memory takes as long to get as to fill
            self.sides = aligned_memory.rows(w, 2, self.d)  # so both are rounded alike
        directions.both_sides(w, j, radius, self.sides)
        above, below = self.sides
        return partial(self.model.logits, above), partial(self.model.logits, below)

    def mean_loss(self, logits: Logits, images: Images) -> float:
        """Mean cross-entropy over some images, their float32 losses summed in float64."""
        sums = [
            loss.each(logits(self.x(batch)), batch.y).double().sum()
            for batch in images.split(self.micro_batch)
        ]
        return torch.stack(sums).sum().item() / len(images)

    def directional_derivatives(
        self, w: Tensor, clients: Sequence[int], directions: Directions
    ) -> Tensor:
        """See algorithms.engine_protocol."""
        S = len(directions.keys) // len(clients)
        derivatives = torch.empty(len(clients), S, dtype=torch.float64)
        for i, client in enumerate(clients):  # one direction at a time: all would be S A d numbers
            [images] = self.epochs(client)
            g = self.gradient(w, images, self.precision).double()
            for s in range(S):
                derivatives[i, s] = g @ directions.row(i * S + s).double()
        return derivatives

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterator[Tensor]:
        """See algorithms.engine_protocol."""
        return (self.gradient(w, self.epochs(client)[0]) for client in clients)

    def gradient(self, w: Tensor, images: Images, precision: str = "float32") -> Tensor:
        """The gradient of the mean loss, (d,) float32, by backpropagation."""
        w = w.detach().requires_grad_()
        total = torch.zeros_like(w)
        for batch in images.split(self.micro_batch):
            of_batch = loss.total(self.logits(w, batch, precision), batch.y)
            total.add_(torch.autograd.grad(of_batch, w)[0])
        return total / len(images)

    def logits(self, w: Tensor, images: Images, precision: str) -> Tensor:
        """Return the network's output for training, (n, [T,] C), in the type of w always."""
        low = precision == "bfloat16"
        with torch.autocast(w.device.type, torch.bfloat16, enabled=low):
            out = self.model.logits(w, self.x(images))
        return out.to(w.dtype)

    def x(self, images: Images) -> Tensor:
        """Images as the network gets them."""
        x = images.x()
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x
