"""Groups of clients with equally many images, and the directions and results of each group."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias, TypeVar

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import Moves
from zowarmup.engines.images import Images, gather
from zowarmup.models import aligned_memory
from zowarmup.models.directions import Directions

T = TypeVar("T")
Rows: TypeAlias = "slice[int, int, None] | list[int]"

KEPT = 1 << 24  # most pixels of a data set that is kept normalised (64 MiB); others stay bytes


@dataclass(frozen=True, eq=False)
class GroupImages(Images):
    """The images of B clients with n images each; rows and y are (B, n).

    Attributes:
        axis: the dimension of x that counts the images of a client.
    """

    axis: int = 1

    def x(self) -> Tensor:
        """Return the images, normalised and contiguous: (B, ..., n, ...), n at dimension `axis`."""
        return super().x().movedim(1, self.axis).contiguous()

    def of_clients(self, positions: Rows) -> Self:
        """The images of some of the clients."""
        return self.each(lambda rows: rows[positions])


@dataclass(eq=False, slots=True)
class NormalisedImages:
    """GroupImages normalised in advance, because for digits normalising takes as long as a step."""

    normalised: Tensor
    y: Tensor
    axis: int

    def __len__(self) -> int:
        return self.y.shape[1]

    def x(self) -> Tensor:
        """As GroupImages.x; the caller must not change it."""
        return self.normalised

    def of_clients(self, positions: Rows) -> "NormalisedImages":
        """The images of some of the clients."""
        return NormalisedImages(self.normalised[positions], self.y[positions], self.axis)

    def take(self, index: Tensor) -> "NormalisedImages":
        """Images `index` (B, b) of each client."""
        x, axis = self.normalised, self.axis
        shape, size = [len(x), *[1] * (x.dim() - 1)], list(x.shape)
        shape[axis] = size[axis] = index.shape[1]
        x = x.gather(axis, index.view(shape).expand(size))
        return NormalisedImages(x, gather(self.y, index), axis)

    def split(self, size: int) -> list["NormalisedImages"]:
        """Up to `size` images of each client at a time; nothing is copied."""
        pieces = zip(self.normalised.split(size, self.axis), self.y.split(size, 1), strict=True)
        return [NormalisedImages(x, y, self.axis) for x, y in pieces]


ClientImages = GroupImages | NormalisedImages
Epochs = Sequence[ClientImages]  # the images as each epoch shows them


@dataclass(frozen=True, eq=False)
class ClientGroup:
    """All clients with the same number of images.

    Attributes:
        positions: the place of each client in the group.
        recorded: the images of all clients of the group.
        ready: the same images, normalised in advance if the data set is small.
    """

    positions: dict[int, int]
    recorded: GroupImages
    ready: ClientImages

    def epochs(self, clients: Sequence[int], number: int, moves: Moves | None) -> Epochs:
        """The images of some clients as each of `number` epochs shows them."""
        positions = as_slice([self.positions[client] for client in clients])
        if moves is None:
            return [self.ready.of_clients(positions)] * number
        drawn = moves.draw(clients, number, len(self.recorded))
        return self.recorded.of_clients(positions).moved(drawn)


def client_groups(data: Sequence[Images], axis: int) -> list[ClientGroup]:
    """Group the clients by their number of images, the smallest number first."""
    small = sum(map(len, data)) * data[0].raw[0].numel() <= KEPT
    groups = []
    for n in sorted({len(images) for images in data}):
        clients = [client for client, images in enumerate(data) if len(images) == n]
        rows, y = (torch.stack([getattr(data[c], name) for c in clients]) for name in ("rows", "y"))
        images = GroupImages(data[0].raw, data[0].scaling, rows, y, axis=axis)
        ready = NormalisedImages(images.x(), y, axis) if small else images
        groups.append(ClientGroup({c: i for i, c in enumerate(clients)}, images, ready))
    return groups


def as_slice(rows: list[int]) -> Rows:
    """Return consecutive rows as a slice, which copies nothing, and other rows unchanged."""
    stop = rows[0] + len(rows)
    return slice(rows[0], stop) if rows == list(range(rows[0], stop)) else rows


def at_least_two(rows: list[int]) -> list[int]:
    """Return the rows of a block; with several threads, return a single row twice.

    Threads share out several models as wholes, but cut a single model into pieces, which rounds
    differently.
    """
    return rows * 2 if len(rows) == 1 and torch.get_num_threads() > 1 else rows


def in_order(blocks: Iterable[tuple[list[int], Iterable[T]]]) -> Iterator[T]:
    """Yield the results of blocks in the order of their rows, each as early as possible."""
    waiting: dict[int, T] = {}
    row = 0
    for rows, results in blocks:
        waiting.update(zip(rows, results, strict=True))
        while row in waiting:
            yield waiting.pop(row)
            row += 1


def select(directions: Directions, layout: Sequence[int], at: "Rows | tuple[Rows, int]") -> Tensor:
    """Return the directions at an index of the layout (A, S) or (A, steps, S).

    Returns:
        (B, S, d).
    """
    if directions.kept:
        return directions.dense.view(*layout, directions.d)[at]
    rows = torch.arange(len(directions.keys), device=directions.keys.device).view(*layout)[at]
    return directions.take(rows.flatten()).dense.view(*rows.shape, directions.d)


def both_sides(w: Tensor, u: Tensor, radius: float) -> Tensor:
    """w + radius u and w - radius u side by side: w ([B, 1,] d), u (B, S, d) -> (B S 2, d)."""
    W = aligned_memory.rows(w, *u.shape[:2], 2, u.shape[2])
    torch.add(w, u, alpha=radius, out=W[:, :, 0])
    torch.sub(w, u, alpha=radius, out=W[:, :, 1])
    return W.flatten(0, 2)
