"""One probe: the measurements of all clients at one model of a warm-up, a row of probes.csv.

    L, H, g     mean loss over the training images of all clients; its Hessian, its gradient
    B^2         how much the clients' gradients differ: sum_i p_i |g_i|^2 / |g|^2
    T           trace of H
    lambda      curvature of L along the gradient of the clients that train in the warm-up

See training.probes for how they are measured.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import Field, TypeAdapter

from zowarmup.config.phase import AUTO, GROUPS, Count, Positive
from zowarmup.plan.value import Value


class ProbesSpec(Value):
    """The probes along a warm-up; see config.pivot.Probes for the other fields."""

    every: Count
    directions: Annotated[int, Field(ge=0)]
    eps: Positive
    last: Count  # the last round that any run asks about

    def at(self, t: int) -> bool:
        """Whether the model after round t is probed."""
        return t > 0 and t <= self.last and t % self.every == 0


COSTS = (
    *("bytes_up", "bytes_down", "bytes_up_low", "bytes_down_low"),
    *("forward_passes", "backward_passes"),
)


@dataclass(frozen=True)
class Probe:
    """The measurements after one round; NaN without directions and for a tier without clients.

    Attributes:
        gradient_square: |g|^2, without bias.
        dissimilarity: B^2.
        trace: T.
        curvature: lambda. It has no sampling error: one direction, and all images of all clients.
        ..._error: standard error over the directions.
        loss, loss_high, loss_low: mean training loss of all clients and of each tier.
        heldout, heldout_high, heldout_low: accuracy on held-out images, likewise.
        bytes_up, ..., backward_passes: of this probe, see training.costs.
    """

    round: int
    gradient_square: float
    gradient_square_error: float
    dissimilarity: float
    dissimilarity_error: float
    trace: float
    trace_error: float
    curvature: float
    loss: float
    loss_high: float
    loss_low: float
    heldout: float
    heldout_high: float
    heldout_low: float
    bytes_up: int
    bytes_down: int
    bytes_up_low: int
    bytes_down_low: int
    forward_passes: int
    backward_passes: int

    def columns(self) -> dict[str, int | float]:
        """The row as it stands in probes.csv."""
        return asdict(self)

    def to_json(self) -> dict[str, int | float | str]:
        """The columns, with numbers that JSON cannot express written as text."""
        return {k: v if math.isfinite(v) else str(v) for k, v in self.columns().items()}

    @classmethod
    def read(cls, columns: Mapping[str, str | int | float]) -> "Probe":
        """The probe in a line of probes.csv, or in the same values as JSON.

        Raises:
            KeyError, ValueError: a column is missing or holds no number.
        """
        given = {name: "nan" if value == "" else value for name, value in columns.items()}
        return _PROBE.validate_python(given)


_PROBE = TypeAdapter(Probe)


def left_to_probes(settings: Mapping[str, object], source: str | None) -> tuple[str, ...]:
    """The settings of a phase that the probes before it decide, in the order of deciding.

    Args:
        source: of a user's own algorithm, whose setting `groups` may mean anything.
    """
    names = ("lr",) if source else (GROUPS, "lr")
    return tuple(name for name in names if settings.get(name) == AUTO)


def costs_until(probes: Iterable[Probe], t: int) -> dict[str, int]:
    """The bytes and passes of all probes up to round t, by the names of their columns."""
    return {name: sum(getattr(p, name) for p in probes if p.round <= t) for name in COSTS}
