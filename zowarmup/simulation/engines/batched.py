"""The fast engine for small networks: many clients and directions at once.

    B       clients of equal size worked on together, at most `block`
    G       models side by side, B x S x 2 in a probe, B in training

The operations on many models at once are in `stacked`; `dense` trains the smallest networks.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.models.directions import DENSE, Directions
from zowarmup.models.flat import FlatModel
from zowarmup.simulation.engines import dense
from zowarmup.simulation.engines.chain import chain, logits

Rows = slice | list[int]

# Blocks ask for the same memory again and again, but glibc gives freed memory back to the system,
# and gets it page by page, unless as large a piece was freed before. 32 MiB go back in any case.
KEEP = 31 << 20


class Batched:
    """Clients of equal size side by side, each with its own models.

    The scalars differ from those of `plain` by rounding, in the order of operations. On the CPU
    a client's result does not depend on who else is in the cohort, bit for bit.

    Args:
        model: the network as a function of w; see `chain.chain` for what it may consist of.
        data: each client's (images, labels), training part; copied, images innermost.
        micro_batch: images per forward pass.
        block: clients worked on together; more are faster while their activations fit the cache.

    Raises:
        UserError: the network is of another kind; use engine plain.
    """

    def __init__(
        self,
        model: FlatModel,
        data: Sequence[tuple[Tensor, Tensor]],
        micro_batch: int,
        block: int = 10,
    ) -> None:
        self.model, self.micro_batch, self.block = model, micro_batch, block
        self.d = model.d
        self.links = chain(model.network)
        self.dense = dense.is_dense(self.links)
        sizes = sorted({len(y) for _, y in data})
        self.shelves = [shelf(data, n) for n in sizes]
        torch.empty(KEEP, dtype=torch.uint8)

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
        local = w.repeat(len(clients), 1)
        for rows, x, y in self.blocks(clients):
            W = local[rows]
            visits = orders[rows].to(y.device)
            visits = visits[visits < y.shape[1]].view(len(y), -1, y.shape[1])
            for b in (b for epoch in visits.unbind(1) for b in epoch.split(batch, dim=1)):
                self.sgd_step(W, take(x, b), y.gather(1, b), lr=lr, weight_decay=weight_decay)
            local[rows] = W
        return iter(local)

    def sgd_step(self, W: Tensor, x: Tensor, y: Tensor, *, lr: float, weight_decay: float) -> None:
        """One step of each client's own row of W, (B, d), in place."""
        if self.dense:
            dense.sgd_step(self.links, self.cut(W), x, y, lr=lr, weight_decay=weight_decay)
        else:
            g = self.gradients(W, x, y) / y.shape[1]
            W.sub_(g.add_(W, alpha=weight_decay), alpha=lr)

    @torch.inference_mode()
    def probe(
        self, w: Tensor, clients: Sequence[int], directions: Directions, *, radius: float
    ) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for rows, x, y in self.blocks(clients):
            parameters = self.cut(both_ways(w, some(directions, S, rows), radius))
            parts = [self.losses(parameters, *xy).double().sum(1) for xy in self.batches(x, y)]
            losses[rows] = torch.stack(parts).sum(0).view(-1, S, 2).cpu() / y.shape[1]
        return losses

    def slopes(self, w: Tensor, clients: Sequence[int], directions: Directions) -> Tensor:
        """See algorithms.rounds.Engine."""
        S = len(directions.keys) // len(clients)
        slopes = torch.empty(len(clients), S, dtype=torch.float64)
        for rows, x, y in self.blocks(clients):
            W = w.repeat(len(y), 1)
            parts = [self.gradients(W, *xy) for xy in self.batches(x, y)]
            g = torch.stack(parts).sum(0).div(y.shape[1]).double()
            u = some(directions, S, rows).double()
            slopes[rows] = (u @ g[..., None])[..., 0].cpu()
        return slopes

    def losses(self, parameters: list[Tensor], x: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of each image under each model: x (B, ..., n), y (B, n) -> (G, n)."""
        out = logits(self.links, parameters, x)
        labels = y.repeat_interleave(len(out) // len(y), dim=0)
        return cross_entropy(out, labels, reduction="none")

    def gradients(self, W: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Of the sum of each client's losses at its own row of W, (B, d)."""
        W = W.detach().requires_grad_()
        return torch.autograd.grad(self.losses(self.cut(W), x, y).sum(), W)[0]

    def cut(self, W: Tensor) -> list[Tensor]:
        """Rows of flat parameters (G, d) as the network's parameters, (G, ...) each."""
        parts = W.split(self.model.sizes, dim=1)
        return [p.view(-1, *shape) for p, shape in zip(parts, self.model.shapes, strict=True)]

    def blocks(self, clients: Sequence[int]) -> Iterator[tuple[Rows, Tensor, Tensor]]:
        """(rows, x, y): where in the cohort the block's clients stand, x (B, ..., n), y (B, n)."""
        for places, x, y in self.shelves:
            here = [row for row, client in enumerate(clients) if client in places]
            for start in range(0, len(here), self.block):
                rows = here[start : start + self.block]
                at = tight([places[clients[row]] for row in rows])
                yield tight(rows), x[at], y[at]

    def batches(self, x: Tensor, y: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """A block's images in pieces of `micro_batch`."""
        m = self.micro_batch
        return zip(x.split(m, dim=-1), y.split(m, dim=1), strict=True)


def shelf(data: Sequence[tuple[Tensor, Tensor]], n: int) -> tuple[dict[int, int], Tensor, Tensor]:
    """All clients of n images: the row of each, x (K_n, ..., n), y (K_n, n)."""
    clients = [client for client, (_, y) in enumerate(data) if len(y) == n]
    x = torch.stack([data[client][0] for client in clients]).movedim(1, -1).contiguous()
    y = torch.stack([data[client][1] for client in clients])
    return {client: row for row, client in enumerate(clients)}, x, y


def tight(rows: list[int]) -> Rows:
    """The same rows as a slice, which copies nothing, where they are consecutive."""
    stop = rows[0] + len(rows)
    return slice(rows[0], stop) if rows == list(range(rows[0], stop)) else rows


def some(directions: Directions, S: int, rows: Rows) -> Tensor:
    """The directions of the clients in some rows of the cohort, (B, S, d)."""
    if len(directions.keys) * directions.d > DENSE:
        keys = directions.keys.view(-1, S)[rows].flatten()
        directions, rows = Directions(keys, directions.d, directions.distribution), slice(None)
    return directions.dense.view(-1, S, directions.d)[rows]


def both_ways(w: Tensor, u: Tensor, radius: float) -> Tensor:
    """w + radius u and w - radius u side by side: u (B, S, d) -> (B S 2, d)."""
    W = w.new_empty(*u.shape[:2], 2, len(w))
    torch.add(w, u, alpha=radius, out=W[:, :, 0])
    torch.sub(w, u, alpha=radius, out=W[:, :, 1])
    return W.flatten(0, 2)


def take(x: Tensor, rows: Tensor) -> Tensor:
    """Images `rows` (B, b) of each client: (B, ..., n) -> (B, ..., b)."""
    index = rows.view(len(x), *[1] * (x.dim() - 2), -1)
    return x.gather(-1, index.expand(*x.shape[:-1], -1))
