"""Learning rates that were chosen by a selection."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.config.phase import RATES

Spec = dict[str, Any]
File = Path | str


def with_rates(phases: Sequence[Spec], selections: Sequence[File]) -> list[Spec]:
    """The phases with each reference to a selection replaced by the learning rate it chose.

    Args:
        selections: a file for each reference, phase after phase, in the order of RATES.
    """
    files = iter(selections)
    return [
        phase | {key: chosen(next(files)) for key in RATES if isinstance(phase.get(key), dict)}
        for phase in phases
    ]


def chosen(selection: File) -> float:
    """The learning rate in a selection file.

    Raises:
        UserError: the file is missing, cut short or none of ours.
    """
    with reading(selection):
        lr = float(read_json(selection)["lr"])
        if not 0 < lr < math.inf:
            raise ValueError(f"lr is {lr}")
        return lr
