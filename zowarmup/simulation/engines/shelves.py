"""Where the fast engines keep clients, and how results and directions get to their places."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from zowarmup.models.directions import Directions

T = TypeVar("T")
Rows = slice | list[int]
Shelf = tuple[dict[int, int], Tensor, Tensor]


def shelf(data: Sequence[tuple[Tensor, Tensor]], n: int, images: int) -> Shelf:
    """All clients of n images: the row of each, x (K_n, ...) with n at dimension `images`, y."""
    clients = [client for client, (_, y) in enumerate(data) if len(y) == n]
    x = torch.stack([data[client][0] for client in clients]).movedim(1, images).contiguous()
    y = torch.stack([data[client][1] for client in clients])
    return {client: row for row, client in enumerate(clients)}, x, y


def take(x: Tensor, rows: Tensor, images: int) -> Tensor:
    """Images `rows` (B, b) of each client, which are counted at dimension `images` of x."""
    index, size = [len(x), *[1] * (x.dim() - 1)], list(x.shape)
    index[images] = size[images] = rows.shape[1]
    return x.gather(images, rows.view(index).expand(size))


def tight(rows: list[int]) -> Rows:
    """The same rows as a slice, which copies nothing, where they are consecutive."""
    stop = rows[0] + len(rows)
    return slice(rows[0], stop) if rows == list(range(rows[0], stop)) else rows


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
    W = w.new_empty(*u.shape[:2], 2, u.shape[2])
    torch.add(w, u, alpha=radius, out=W[:, :, 0])
    torch.sub(w, u, alpha=radius, out=W[:, :, 1])
    return W.flatten(0, 2)
