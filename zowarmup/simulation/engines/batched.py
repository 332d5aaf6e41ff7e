"""The fast engine for small networks: many clients and directions at once.

    B       clients of equal size worked on together, at most `block`
    G       models side by side, B x S x 2 in a probe, B in training
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel
from zowarmup.simulation.engines import dense
from zowarmup.simulation.engines.chain import chain, logits

Rows = slice | list[int]


class Batched:
    """Clients of equal size side by side, each with its own models.

    Args:
        model: the network as a function of w; an nn.Sequential of the layers in `stacked.LAYERS`.
        data: each client's (images, labels), training part.
        micro_batch: images per forward pass.
        block: clients worked on together. A setting and not a matter of free memory, since the
            grouping may move last bits.

    Raises:
        ValueError: the network is of another kind; use engine plain.
    """

    def __init__(
        self,
        model: FlatModel,
        data: Sequence[tuple[Tensor, Tensor]],
        micro_batch: int,
        block: int = 10,
    ) -> None:
        self.model, self.micro_batch, self.block = model, micro_batch, block
        self.links = chain(model.network)
        self.layers = list(model.network); self.dense = all(type(l) in dense.BACKWARD for l in self.layers)
        self.sizes = [len(y) for _, y in data]
        self.shelves = {n: shelf(data, self.sizes, n) for n in set(self.sizes)}
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
        new = w.repeat(len(clients), 1)
        for rows, x, y in self.blocks(clients):
            W = new[rows]
            for epoch in orders[rows].unbind(1):
                visits = epoch[epoch < y.shape[1]].view(y.shape).to(y.device)
                for b in visits.split(batch, dim=1):
                    g = self.gradients(W, take(x, b), y.gather(1, b)) / b.shape[1]
                    W.sub_(g.add_(W, alpha=weight_decay), alpha=lr)
            new[rows] = W
        return iter(new)

    @torch.inference_mode()
    def probe(
        self, w: Tensor, clients: Sequence[int], directions: Directions, *, radius: float
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for rows, x, y in self.blocks(clients):
            u = directions.dense.view(-1, S, self.d)[rows]
            parameters = self.cut(both_ways(w, u, radius))
            sums = sum(
                self.losses(parameters, xb, yb).double().sum(1) for xb, yb in self.micro_batches(x, y)
            )
            losses[rows] = sums.view(-1, S, 2).cpu() / y.shape[1]
        return losses

    def slopes(self, w: Tensor, clients: Sequence[int], directions: Directions) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        slopes = torch.empty(len(clients), S, dtype=torch.float64)
        for rows, x, y in self.blocks(clients):
            W = w.repeat(len(y), 1)
            g = sum(self.gradients(W, xb, yb) for xb, yb in self.micro_batches(x, y)) / y.shape[1]
            u = directions.dense.view(-1, S, self.d)[rows]
            slopes[rows] = (u.double() @ g.double()[..., None])[..., 0].cpu()
        return slopes

    def losses(self, parameters: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of each image under each model: x (B, ..., n), y (B, n) -> (G, n)."""
        out = logits(self.links, parameters, x)
        labels = y.repeat_interleave(len(out) // len(y), dim=0)
        return cross_entropy(out, labels, reduction="none")

    def gradients(self, W: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Of the sum of each client's losses at its row of W (B, d), one image batch each."""
        if self.dense:
            return dense.gradients(self.layers, self.cut(W), x, y)
        W = W.detach().requires_grad_()
        loss = self.losses(self.cut(W), x, y).sum()
        return torch.autograd.grad(loss, W)[0]

    def cut(self, W: Tensor) -> list[Tensor]:
        """Rows of flat parameters (G, d) as the network's parameters, (G, ...) each."""
        parts = W.split(self.model.sizes, dim=1)
        return [p.view(-1, *s) for p, s in zip(parts, self.model.shapes, strict=True)]

    def blocks(self, clients: Sequence[int]) -> Iterator[tuple[Rows, Tensor, Tensor]]:
        """(rows, x, y): where in the cohort the block's clients stand, x (B, ..., n), y (B, n)."""
        for n, (places, x, y) in self.shelves.items():
            rows = [row for row, client in enumerate(clients) if client in places]
            for start in range(0, len(rows), self.block):
                some = rows[start : start + self.block]
                at = tight([places[clients[row]] for row in some])
                yield tight(some), x[at], y[at]

    def micro_batches(self, x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        m = self.micro_batch
        return zip(x.split(m, dim=-1), y.split(m, dim=1), strict=True)


def both_ways(w: Tensor, u: Tensor, radius: float) -> Tensor:
    """w + radius u and w - radius u side by side: u (B, S, d) -> (B S 2, d)."""
    W = w.new_empty(*u.shape[:2], 2, len(w))
    torch.add(w, u, alpha=radius, out=W[:, :, 0])
    torch.sub(w, u, alpha=radius, out=W[:, :, 1])
    return W.flatten(0, 2)


def shelf(
    data: Sequence[tuple[Tensor, Tensor]], sizes: list[int], n: int
) -> tuple[dict[int, int], Tensor, Tensor]:
    """All clients of n images: where each stands, x (K_n, ..., n), y (K_n, n)."""
    clients = [client for client, size in enumerate(sizes) if size == n]
    x = torch.stack([data[client][0] for client in clients]).movedim(1, -1).contiguous()
    y = torch.stack([data[client][1] for client in clients])
    return {client: place for place, client in enumerate(clients)}, x, y


def tight(rows: list[int]) -> Rows:
    """The same rows as a slice, which copies nothing, where they are consecutive."""
    stop = rows[0] + len(rows)
    return slice(rows[0], stop) if rows == list(range(rows[0], stop)) else rows


def take(x: Tensor, rows: Tensor) -> Tensor:
    """Images `rows` (B, b) of each client: (B, ..., n) -> (B, ..., b)."""
    index = rows.view(len(x), *[1] * (x.dim() - 2), -1)
    return x.gather(-1, index.expand(*x.shape[:-1], -1))
