"""numpy's side of randomness by name."""

import numpy as np

from zowarmup.common import seeds


def generator(purpose: str, *parts: int | str) -> np.random.Generator:
    """The random numbers of one draw, named as in `seeds.key`.

    PCG64 is named because numpy may change what `default_rng` makes.
    """
    return np.random.Generator(np.random.PCG64(seeds.key(purpose, *parts)))
