"""Learning rates that selections chose."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, cast

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.plan.specs import TrainingSpec

File = Path | str
Spec = TypeVar("Spec", bound=TrainingSpec)


def with_rates(spec: Spec, selections: Sequence[File]) -> Spec:
    """The spec with the chosen learning rates as numbers.

    Args:
        selections: a file for each selection that the spec reads, in their order.

    Raises:
        UserError: a file is missing or damaged.
    """
    rates = {name: chosen(file) for name, file in zip(spec.selections, selections, strict=True)}
    return cast(Spec, spec.with_rates(rates))


def chosen(selection: File) -> dict[str, float]:
    """The learning rates in a selection file, by axis.

    Raises:
        UserError: the file is missing, cut short or not a selection.
    """
    with reading(selection):
        rates = {str(axis): float(rate) for axis, rate in read_json(selection)["rates"].items()}
        for axis, rate in rates.items():
            if not 0 < rate < math.inf:
                raise ValueError(f"{axis} is {rate}")
        return rates
