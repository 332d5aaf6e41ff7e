"""Zeroth-order rounds that train some of the parameters: all directions are 0 elsewhere.

    m       1 for each parameter that trains, else 0, (d,)
    z       tau * m u, the direction of `zo` within the subset

A subset of d' parameters has a d'-th of the estimator's error d'|g'|^2 / P, but only the part g' of
the gradient within it can lower the loss. Clients send S scalars, as in `zo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import torch
from torch import Tensor

from zowarmup.algorithms.zo import ZO
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel
from zowarmup.models.masked_directions import Masked

BLOCKS = "blocks."  # how the parameters of a transformer's blocks are named


@dataclass(frozen=True)
class ZOSubset(ZO):
    """A phase of zeroth-order steps on a subset of the parameters.

    Attributes:
        parameters: "all"; "norms_biases", each vector of parameters; "last_layer"; "last_block", a
            transformer's last block and what follows it.
    """

    parameters: Literal["all", "norms_biases", "last_layer", "last_block"] = "norms_biases"

    def of_model(self, model: FlatModel) -> "OnSubset":
        """Return the algorithm for a network, whose parameters it chooses from.

        Raises:
            UserError: the network has no blocks.
        """
        mask = torch.zeros(model.d)
        for name, part in model.named(mask).items():
            part.fill_(self.trains(model, name))
        return OnSubset(**{f.name: getattr(self, f.name) for f in fields(self)}, mask=mask)

    def trains(self, model: FlatModel, name: str) -> bool:
        """Whether a parameter of the network trains."""
        match self.parameters:
            case "norms_biases":
                return len(model.shapes[model.names.index(name)]) == 1
            case "last_layer":
                return name.rpartition(".")[0] == model.names[-1].rpartition(".")[0]
            case "last_block":
                return model.names.index(name) >= last_block(model)
        return True


def last_block(model: FlatModel) -> int:
    """The place of the first parameter of a transformer's last block.

    Raises:
        UserError: the network has no blocks.
    """
    of_blocks = [name for name in model.names if name.startswith(BLOCKS)]
    if not of_blocks:
        raise UserError(
            f"zo_subset.parameters: last_block: {type(model.network).__name__} has no blocks; use "
            "last_layer, or a transformer such as gpt_tiny or vit_tiny"
        )
    last = max(int(name.split(".")[1]) for name in of_blocks)
    return next(i for i, name in enumerate(model.names) if name.startswith(f"{BLOCKS}{last}."))


@dataclass(frozen=True, eq=False)
class OnSubset(ZOSubset):
    """The algorithm for one network.

    Attributes:
        mask: m.
    """

    mask: Tensor = field(kw_only=True)

    def directions(
        self, t: int, clients: Sequence[int], d: int, seeds: Seeds, device: torch.device
    ) -> Directions:
        """The round's directions m u, P = A x S of them."""
        u = super().directions(t, clients, d, seeds, device)
        return Masked(u.keys, d, self.distribution, mask=self.mask.to(device))
