"""HeteroFL's parts of a network in the flat vector: the first channels of every layer.

A narrow network has the same parameters as the wide one in the same order; each of them is the
first block of the wide network's parameter. The first channels that a layer keeps are the first
inputs of the next layer, in a shortcut as in the convolution beside it.

Reference: Diao et al. 2021, arXiv:2010.01264, section 3.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from zowarmup.common.errors import UserError
from zowarmup.config.registry import NETWORKS
from zowarmup.models.flat import FlatModel


@dataclass(frozen=True, eq=False)
class Slice:
    """A narrower network, and the places of its parameters in the wide network's w.

    Attributes:
        index: (model.d,) int64, sorted within each parameter; w[index] is the narrow vector.
    """

    model: FlatModel
    index: Tensor

    def to(self, device: torch.device) -> "Slice":
        """Return this slice with its index on a device."""
        return Slice(self.model, self.index.to(device))


@lru_cache(maxsize=8)  # every round asks for the same
def narrow(model: FlatModel, width: float, scale: float) -> Slice:
    """Return the part of a network with the first ceil(width C) of each layer's C channels.

    Args:
        width: relative to `model`, in (0, 1].
        scale: divides the part's activations before each norm; 1 means no scalers.

    Raises:
        UserError: the network has no narrower version.
    """
    part = None
    if model.family is not None:
        with torch.device("meta"):
            part = FlatModel(model.family(width, scale))
    if part is None or not _fits(part, model):
        raise UserError(
            f"{type(model.network).__name__} has no narrower version whose parameters are first "
            f"blocks of the network's parameters; use one of the models {', '.join(NETWORKS)}, or "
            "give the function of your own network the keywords `width`, a multiple of its "
            "channels, and `scale`"
        )
    places = model.views(torch.arange(model.d))
    blocks = [
        place[tuple(map(slice, shape))] for place, shape in zip(places, part.shapes, strict=True)
    ]
    return Slice(part, torch.cat([block.flatten() for block in blocks]))


def _fits(part: FlatModel, model: FlatModel) -> bool:
    """Whether each parameter of the part has as many dimensions as the model's, none larger."""
    return [*map(len, part.shapes)] == [*map(len, model.shapes)] and all(
        s <= n
        for small, large in zip(part.shapes, model.shapes, strict=True)
        for s, n in zip(small, large, strict=True)
    )


def class_rows(model: FlatModel, classes: int) -> Tensor:
    """Return, for each entry of w, the class of its row in the last layer, else -1; (d,) int64.

    Raises:
        UserError: the last layer does not have one row per class.
    """
    rows = torch.full((model.d,), -1)
    last = model.names[-1].rpartition(".")[0]
    for name, part in model.named(rows).items():
        if name.rpartition(".")[0] == last:
            if len(part) != classes:
                raise UserError(
                    f"{type(model.network).__name__}: its last layer {last} has {len(part)} rows "
                    f"for {classes} classes; end the network with a Linear of one row per class"
                )
            part.copy_(torch.arange(classes).view(-1, *[1] * (part.dim() - 1)))
    return rows
