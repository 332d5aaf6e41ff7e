"""Images as they were recorded, in memory once, and normalised where they are used.

A data set is one tensor on the device, of bytes for images; rows of features or tokens take their
place. The training set of a client, a held-out part and
a batch are each a list of rows of that tensor, so that ImageNet32 takes 3.9 GB for any number of
clients.
"""

import copy
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from zowarmup.algorithms.augmentation import PAD, STARTS, Moves
from zowarmup.data.dataset_file import Dataset, is_train


class Movable:
    """An engine that can crop and flip the images of its clients."""

    moves: Moves | None = None

    def with_moves(self, moves: Moves | None) -> Self:
        """See algorithms.engine_protocol; returns this engine if nothing changes."""
        if moves is self.moves:
            return self
        other = copy.copy(self)
        other.moves = moves
        return other


@dataclass(frozen=True, eq=False)
class Scaling:
    """Brings raw images to zero mean and unit variance, in the type of `mean`.

    Attributes:
        scale: (), the value of a white pixel; 1 for features. It is a tensor because CUDA would
            multiply by the reciprocal of a plain number, which rounds differently from a division.
        mean, std: (C, 1, 1), of images / scale; (F,) or (F, 1, ...) for features.
    """

    scale: Tensor
    mean: Tensor
    std: Tensor

    def __call__(self, raw: Tensor) -> Tensor:
        """Apply the operations of Dataset.images in the same order, for the same bits."""
        return raw.to(self.mean.dtype, copy=True).div_(self.scale).sub_(self.mean).div_(self.std)


def unscaled(raw: Tensor) -> Tensor:
    """Return tokens as they are."""
    return raw


@dataclass(frozen=True, eq=False)
class Images:
    """Some images of a data set, of one client or of several with equally many.

    Attributes:
        raw: (N, ...), the whole data set, shared by all its parts: mostly images (N, C, H, W)
            uint8, else features (N, F, ...) float32 or tokens (N, T) int64.
        scaling: how they are normalised.
        rows: (..., n) int64, the places of these images in `raw`.
        y: (..., n) int64, the labels of these images; (..., n, T) if each token has a label.
        moves: (..., n) uint8, how each image is cropped and flipped, see algorithms.augmentation.
    """

    raw: Tensor
    scaling: Callable[[Tensor], Tensor]
    rows: Tensor
    y: Tensor
    moves: Tensor | None = None

    def __len__(self) -> int:
        """n, the number of images of each client."""
        return self.rows.shape[-1]

    def x(self) -> Tensor:
        """Return the images, normalised, in a new tensor (..., n, C, H, W) float32; or tokens."""
        raw = self.raw.index_select(0, self.rows.flatten())
        if self.moves is not None:
            raw = crop_flip(raw, self.moves.flatten())
        return self.scaling(raw).view(*self.rows.shape, *self.raw.shape[1:])

    def take(self, index: Tensor) -> Self:
        """Return the images at places `index` (..., b) of each client."""
        return self.each(partial(gather, index=index))

    def split(self, sizes: int | Sequence[int]) -> list[Self]:
        """Cut as torch.split cuts the last dimension."""
        n = len(self)
        if isinstance(sizes, int):
            sizes = [min(sizes, n - start) for start in range(0, n, sizes)]
        starts = itertools.accumulate(sizes, initial=0)
        return [self.cut(start, size) for start, size in zip(starts, sizes, strict=False)]

    def cut(self, start: int, length: int) -> Self:
        """`length` images from `start` on; nothing is copied."""
        dim = self.rows.dim() - 1
        return self.each(partial(torch.narrow, dim=dim, start=start, length=length))

    def each(self, part: Callable[[Tensor], Tensor]) -> Self:
        """Apply `part` to rows, labels and moves."""
        moves = None if self.moves is None else part(self.moves)
        return replace(self, rows=part(self.rows), y=part(self.y), moves=moves)

    def moved(self, moves: Tensor) -> list[Self]:
        """Return the images of each epoch, moved by `moves` (..., epochs, n)."""
        return [replace(self, moves=own) for own in moves.to(self.y.device).unbind(-2)]


def gather(values: Tensor, index: Tensor) -> Tensor:
    """Return the entries `index` (..., b) of values (..., n, ...) along the dimension of n."""
    dim, further = index.dim() - 1, values.shape[index.dim() :]
    wide = index.view(*index.shape, *[1] * len(further)).expand(*index.shape, *further)
    return values.gather(dim, wide)


def crop_flip(x: Tensor, moves: Tensor) -> Tensor:
    """Crop and flip each image of x (n, C, H, W) by its move; 0 is black."""
    C, H, W = x.shape[1:]
    flip, start = moves.long() // STARTS**2, moves.long() % STARTS**2
    along = torch.arange(W, device=x.device)
    columns = (start % STARTS)[:, None] + torch.where(flip[:, None] == 1, along.flip(0), along)
    rows = (start // STARTS)[:, None] + torch.arange(H, device=x.device)
    x = pad(x, (PAD, PAD, PAD, PAD))
    x = x.gather(2, rows[:, None, :, None].expand(-1, C, -1, x.shape[3]))
    return x.gather(3, columns[:, None, None, :].expand(-1, C, H, -1))


def whole(raw: Tensor, y: Tensor, scaling: Callable[[Tensor], Tensor]) -> Images:
    """All images of a data set in their order: raw (N, ...), y (N,)."""
    return Images(raw, scaling, torch.arange(len(y), device=y.device), y)


def part(data: Dataset, name: str, device: torch.device) -> Images:
    """The "train" or "test" images of a data set, on the device."""
    recorded = data.x_train if is_train(name) else data.x_test
    raw = torch.from_numpy(np.require(recorded, requirements="W")).to(device)
    y = torch.from_numpy(data.labels(name)).to(device)
    if raw.dtype == torch.int64:
        return whole(raw, y, unscaled)
    scale, axes = (
        torch.tensor(data.scale, dtype=torch.float32, device=device),
        [1] * (raw.dim() - 2),
    )
    mean, std = (torch.from_numpy(v).to(device).view(-1, *axes) for v in (data.mean, data.std))
    return whole(raw, y, Scaling(scale, mean, std))


def dealt(images: Images, parts: Sequence[NDArray[np.int64]]) -> Images:
    """The images of all clients, client after client, from the places that each was dealt."""
    return images.take(torch.from_numpy(np.concatenate(parts)).to(images.y.device))
