"""HeteroFL's parts of a network, on flat vectors: the first channels of every layer.

A narrow network has the wide one's parameters in the same order, each no larger in any dimension,
and holds the first block of each. Inputs follow the layer before: where its first channels were
kept, they are the next layer's first inputs, in a shortcut as in the convolution beside it.

Reference: Diao et al. 2021, arXiv:2010.01264, section 3.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from zowarmup.common.errors import UserError
from zowarmup.config.registry import WIDTHS
from zowarmup.models.flat import FlatModel


@dataclass(frozen=True, eq=False)
class Slice:
    """A narrower network and where in the wide one's w its parameters lie.

    Attributes:
        index: (model.d,) int64, sorted within each parameter: its flat parameters are w[index].
    """

    model: FlatModel
    index: Tensor

    def to(self, device: torch.device) -> "Slice":
        """The same with its index on a device."""
        return Slice(self.model, self.index.to(device))


@lru_cache(maxsize=8)  # every round asks again
def narrow(model: FlatModel, width: float, scale: float) -> Slice:
    """The part of a network with the first ceil(width C) of the C channels of each layer.

    Args:
        width: relative to `model`, in (0, 1].
        scale: divides its activations before each norm; 1 for no scalers.

    Raises:
        UserError: the network is of a kind without widths.
    """
    part = None
    if model.family is not None:
        with torch.device("meta"):
            part = FlatModel(model.family(width, scale))
    if part is None or not _fits(part, model):
        raise UserError(
            f"no narrower part of {type(model.network).__name__} can be taken, whose parameters "
            f"are the first block of each of its own; use a model among {', '.join(WIDTHS)}"
        )
    places = model.views(torch.arange(model.d))
    blocks = [
        place[tuple(map(slice, shape))] for place, shape in zip(places, part.shapes, strict=True)
    ]
    return Slice(part, torch.cat([block.flatten() for block in blocks]))


def _fits(part: FlatModel, model: FlatModel) -> bool:
    """Whether each parameter has the same dimensions, none of them larger."""
    return [*map(len, part.shapes)] == [*map(len, model.shapes)] and all(
        s <= n
        for small, large in zip(part.shapes, model.shapes, strict=True)
        for s, n in zip(small, large, strict=True)
    )


def class_rows(model: FlatModel, classes: int) -> Tensor:
    """(d,) int64: the class whose row of the last layer a parameter belongs to, else -1.

    Raises:
        UserError: the last layer has no row for each class.
    """
    rows = torch.full((model.d,), -1)
    last = model.names[-1].rpartition(".")[0]
    for name, part in model.named(rows).items():
        if name.rpartition(".")[0] == last:
            if len(part) != classes:
                raise UserError(
                    f"{type(model.network).__name__}: its last layer {last} has {len(part)} rows "
                    f"for {classes} classes; end the network with a Linear that has one for each"
                )
            part.copy_(torch.arange(classes).view(-1, *[1] * (part.dim() - 1)))
    return rows
