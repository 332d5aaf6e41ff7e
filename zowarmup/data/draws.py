"""Random numbers of numpy for a named draw, see `common.seeds`."""

import numpy as np

from zowarmup.common import seeds


def generator(purpose: str, *parts: int | str) -> np.random.Generator:
    """Return the generator of the random numbers of one draw, named as in `seeds.key`.

    It is a PCG64 in any case, whereas numpy may change the generator that `default_rng` returns.
    """
    return np.random.Generator(np.random.PCG64(seeds.key(purpose, *parts)))
