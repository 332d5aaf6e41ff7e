"""Random crops and flips of the images that clients train on.

An image is padded by PAD black pixels on each side, cut back to its size at a random place, and
mirrored left to right half of the time. A move, one byte, is one of the MOVES ways to do so:

    move = (flip * STARTS + top) * STARTS + left,  top and left in 0 .. 2 PAD

A move depends on the round, the client, the epoch and the image alone, so neither the engine nor
the order of the clients nor the size of a batch changes it.

Reference: He et al. 2016, arXiv:1512.03385, section 4.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from zowarmup.common.seeds import Seeds, key
from zowarmup.models.directions import uniform

PAD = 4
STARTS = 2 * PAD + 1
MOVES = 2 * STARTS**2


@dataclass(frozen=True)
class Moves:
    """The crops and flips of a round, drawn client by client when an engine needs them.

    Attributes:
        key: key of the draws, from `seeds.key`.
        t: the round.
    """

    key: int
    t: int

    def draw(self, clients: Sequence[int], epochs: int, n: int) -> Tensor:
        """A move for each image in each epoch, (A, epochs, n) uint8."""
        draws = [uniform(self.key, (self.t, client), range(epochs), n) for client in clients]
        return torch.stack(draws).mul_(MOVES).to(torch.uint8)


def moves(augment: str, t: int, seeds: Seeds) -> Moves | None:
    """Return the moves of round t for the setting "crop_flip", None for "none"."""
    return None if augment == "none" else Moves(key("augmentation", seeds.initialisation), t)
