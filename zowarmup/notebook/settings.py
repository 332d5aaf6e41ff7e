"""Check the arguments of a notebook's functions like the keys of a config."""

from math import inf
from typing import Any

import numpy as np

from zowarmup.config import schema
from zowarmup.config.phase import Count, Decay, Seed, Settings
from zowarmup.config.validation import check


class Dealing(schema.Federation):
    """A federation of a config, and the seed that deals it; it selects no rates."""

    seed: Seed
    holdout: Decay = 0.1  # 0: no image is held out


class Beginning(Settings):
    """The arguments of `start` that are plain values, but for those of the engine."""

    split: str
    seed: Seed
    evaluate_every: Count
    width: schema.Width


def checked(kind: type[Settings], **given: Any) -> Any:
    """Return the settings; numbers of numpy, and `inf` for "infinite", are as good as Python's.

    Raises:
        UserError: names the argument, the fault and the fix.
    """
    plain = {name: _plain(value) for name, value in given.items()}
    return check(kind, plain, lambda key: key)


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return "infinite" if isinstance(value, float) and value == inf else value
