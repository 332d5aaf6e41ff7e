"""Where the fast engines keep clients, and how results and directions get to their places."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import torch
from torch import Tensor

from zowarmup.engines.images import Images
from zowarmup.models import aligned_memory
from zowarmup.models.directions import Directions

T = TypeVar("T")
Rows = slice | list[int]

KEPT = 1 << 24  # pixels that are normalised once and kept, 64 MiB; of more images only the bytes


@dataclass(frozen=True, eq=False)
class Shelf(Images):
    """Clients of n images each: rows and y (K_n, n).

    Attributes:
        axis: the dimension of x that counts the images of a client.
    """

    axis: int = 1

    def x(self) -> Tensor:
        """Their images, normalised, (K_n, ..., n, ...) with n at dimension `axis`, contiguous."""
        return super().x().movedim(1, self.axis).contiguous()

    def at(self, places: Rows) -> Self:
        """Some of the clients."""
        return self.each(lambda of: of[places])


@dataclass(eq=False, slots=True)
class Kept:
    """The same with x made already: at the size of digits it would take as long as a step."""

    made: Tensor
    y: Tensor
    axis: int

    def __len__(self) -> int:
        return self.y.shape[1]

    def x(self) -> Tensor:
        """As Shelf.x, and not to be changed."""
        return self.made

    def at(self, places: Rows) -> "Kept":
        """Some of the clients."""
        return Kept(self.made[places], self.y[places], self.axis)

    def take(self, index: Tensor) -> "Kept":
        """Images `index` (K_n, b) of each client."""
        return Kept(take(self.made, index, self.axis), self.y.gather(1, index), self.axis)

    def split(self, size: int) -> list["Kept"]:
        """Up to `size` images of each client at a time; nothing is copied."""
        pieces = zip(self.made.split(size, self.axis), self.y.split(size, 1), strict=True)
        return [Kept(x, y, self.axis) for x, y in pieces]


Clients = Shelf | Kept
Seen = Sequence[Clients]  # as each epoch shows them


def shelves(
    data: Sequence[Images], axis: int
) -> tuple[list[tuple[dict[int, int], Shelf]], list[Clients]]:
    """For each number of images: the place of each client that has so many, and their shelf.

    Then the shelves once more, as they are kept.
    """
    few = sum(map(len, data)) * data[0].raw[0].numel() <= KEPT
    found = []
    for n in sorted({len(images) for images in data}):
        clients = [client for client, images in enumerate(data) if len(images) == n]
        rows, y = (torch.stack([getattr(data[c], name) for c in clients]) for name in ("rows", "y"))
        shelf = Shelf(data[0].raw, data[0].scaling, rows, y, axis=axis)
        found.append(({client: row for row, client in enumerate(clients)}, shelf))
    return found, [Kept(s.x(), s.y, axis) if few else s for _, s in found]


def take(x: Tensor, rows: Tensor, images: int) -> Tensor:
    """Images `rows` (B, b) of each client, which are counted at dimension `images` of x."""
    index, size = [len(x), *[1] * (x.dim() - 1)], list(x.shape)
    index[images] = size[images] = rows.shape[1]
    return x.gather(images, rows.view(index).expand(size))


def tight(rows: list[int]) -> Rows:
    """The same rows as a slice, which copies nothing, where they are consecutive."""
    stop = rows[0] + len(rows)
    return slice(rows[0], stop) if rows == list(range(rows[0], stop)) else rows


def accompanied(rows: list[int]) -> list[int]:
    """The rows of a block; a single one twice, if several threads share the work.

    Threads divide several models between them, but a single one into pieces, which rounds
    differently.
    """
    return rows * 2 if len(rows) == 1 and torch.get_num_threads() > 1 else rows


def in_order(found: Iterable[tuple[list[int], Iterable[T]]]) -> Iterator[T]:
    """The results of blocks in the order of their rows, each let go as early as can be."""
    waiting: dict[int, T] = {}
    row = 0
    for rows, results in found:
        waiting.update(zip(rows, results, strict=True))
        while row in waiting:
            yield waiting.pop(row)
            row += 1


def some(directions: Directions, layout: Sequence[int], at: Rows | tuple[Rows, int]) -> Tensor:
    """Those of the directions, laid out as (A, S) or (A, steps, S), that stand at an index.

    Returns:
        (B, S, d).
    """
    if directions.kept:
        return directions.dense.view(*layout, directions.d)[at]
    keys = directions.keys.view(*layout)[at]
    few = Directions(keys.flatten(), directions.d, directions.distribution)
    return few.dense.view(*keys.shape, directions.d)


def both_ways(w: Tensor, u: Tensor, radius: float) -> Tensor:
    """w + radius u and w - radius u side by side: w ([B, 1,] d), u (B, S, d) -> (B S 2, d)."""
    W = aligned_memory.rows(w, *u.shape[:2], 2, u.shape[2])
    torch.add(w, u, alpha=radius, out=W[:, :, 0])
    torch.sub(w, u, alpha=radius, out=W[:, :, 1])
    return W.flatten(0, 2)
