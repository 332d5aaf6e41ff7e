"""The reference engine: one client and one direction at a time, as the paper writes it."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel

Logits = Callable[[Tensor], Tensor]


class Plain:
    """Clients one after another on one copy of the model.

    Args:
        model: the network as a function of w.
        data: each client's (images, labels), training part.
        micro_batch: images per forward pass, fixed, so that both losses of a pair see the same
            batches and rounding cancels.
    """

    def __init__(
        self, model: FlatModel, data: Sequence[tuple[Tensor, Tensor]], micro_batch: int
    ) -> None:
        self.model, self.data, self.micro_batch = model, data, micro_batch
        self.d = model.d

    def train(
        self,
        w: Tensor,
        clients: Sequence[int],
        orders: Tensor,
        *,
        batch: int,
        lr: float,
        weight_decay: float,
    ) -> Iterator[Tensor]:
        """See algorithms.rounds.Engine."""
        for client, order in zip(clients, orders, strict=True):
            x, y = self.data[client]
            w_i = w.clone().requires_grad_()
            for epoch in order:
                for rows in epoch[epoch < len(y)].to(y.device).split(batch):
                    loss = cross_entropy(self.model.logits(w_i, x[rows]), y[rows])
                    (g,) = torch.autograd.grad(loss, w_i)
                    with torch.no_grad():
                        w_i.sub_(g.add_(w_i, alpha=weight_decay), alpha=lr)
            yield w_i.detach()

    @torch.inference_mode()
    def probe(
        self, w: Tensor, clients: Sequence[int], directions: Directions, *, radius: float
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        losses = torch.zeros(len(clients), S, 2, dtype=torch.float64)
        for i, client in enumerate(clients):
            for s in range(S):
                pair = self.both_sides(w, directions, i * S + s, radius)
                for side, logits in enumerate(pair):
                    losses[i, s, side] = self.mean_loss(logits, client)
        return losses

    def both_sides(
        self, w: Tensor, directions: Directions, j: int, radius: float
    ) -> tuple[Logits, Logits]:
        """The network at w + radius u_j and at w - radius u_j."""
        move = radius * directions.row(j)
        return partial(self.model.logits, w + move), partial(self.model.logits, w - move)

    def mean_loss(self, logits: Logits, client: int) -> float:
        """Mean cross-entropy over a client's images, their float32 losses summed in float64."""
        x, y = self.data[client]
        batches = zip(x.split(self.micro_batch), y.split(self.micro_batch), strict=True)
        sums = [cross_entropy(logits(x), y, reduction="none").double().sum() for x, y in batches]
        return torch.stack(sums).sum().item() / len(y)

    def slopes(self, w: Tensor, clients: Sequence[int], directions: Directions) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        gradients = [self.gradient(w, client).double() for client in clients]
        rows = [[directions.row(i * S + s).double() for s in range(S)] for i in range(len(clients))]
        return torch.tensor(
            [[(g @ u).item() for u in us] for g, us in zip(gradients, rows, strict=True)],
            dtype=torch.float64,
        )

    def gradient(self, w: Tensor, client: int) -> Tensor:
        """The gradient of the mean loss, (d,) float32, by backpropagation."""
        x, y = self.data[client]
        w = w.detach().requires_grad_()
        total = torch.zeros_like(w)
        for xb, yb in zip(x.split(self.micro_batch), y.split(self.micro_batch), strict=True):
            loss = cross_entropy(self.model.logits(w, xb), yb, reduction="sum")
            total.add_(torch.autograd.grad(loss, w)[0])
        return total / len(y)
