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
from zowarmup.config.registry import NETWORKS
from zowarmup.models.flat import FlatModel


@dataclass(frozen=True, eq=False)
class Slice:
    """A narrower network and where in the wide one's w its parameters lie.

    Attributes:
        model: the narrow network.
        index: (model.d,) int64, sorted within each parameter: its flat parameters are
            w[index].
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
    if model.family is None:
        raise UserError(_unsuitable(model, "nothing says how to build it narrower"))
    with torch.device("meta"):
        part = FlatModel(model.family(width, scale))
    if len(part.shapes) != len(model.shapes):
        counts = f"it has {len(model.shapes)} parameters, the part {len(part.shapes)}"
        raise UserError(_unsuitable(model, counts))
    for name, large, small in zip(model.names, model.shapes, part.shapes, strict=True):
        if len(small) != len(large) or any(s > n for s, n in zip(small, large, strict=True)):
            raise UserError(_unsuitable(model, f"{name} is {large} in it, {small} in the part"))
    return Slice(part, _index(model, part))


def class_rows(model: FlatModel, classes: int) -> Tensor:
    """For each parameter the class whose row of the last layer it belongs to, -1 for all others.

    Returns:
        (d,) int64 on the CPU.

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


def _index(model: FlatModel, part: FlatModel) -> Tensor:
    places = model.views(torch.arange(model.d))
    blocks = (
        place[tuple(slice(n) for n in shape)]
        for place, shape in zip(places, part.shapes, strict=True)
    )
    return torch.cat([block.flatten() for block in blocks])


def _unsuitable(model: FlatModel, reason: str) -> str:
    name = type(model.network).__name__
    return (
        f"no narrower part of {name} can be taken, since {reason}; use a model among "
        f"{', '.join(NETWORKS)}"
    )
