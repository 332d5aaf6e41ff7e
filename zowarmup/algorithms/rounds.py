"""What a round of any algorithm is made of: the clients taking part, the engine, what travelled.

K, A    number of clients, number of clients in the round's cohort
d, S    number of parameters, directions per client
n_i     training images of client i;  p_i = n_i / sum of n over the cohort
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from zowarmup.models.directions import Directions
from zowarmup.settings.seeds import Seeds


@dataclass(frozen=True)
class Cohort:
    """The clients of one round, in sorted order, and their numbers of training images."""

    clients: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def weights(self) -> tuple[float, ...]:
        """p_i, the share of each client in the average."""
        return tuple(n / sum(self.sizes) for n in self.sizes)


@dataclass(frozen=True)
class Report:
    """What a round cost and, where clients send scalars, the record that everybody received.

    Attributes:
        bytes_up, bytes_down: of all clients of the cohort together.
        forward, backward: passes of one image through the network.
        record: the round's message to everybody, None where models travel.
    """

    bytes_up: int
    bytes_down: int
    forward: int
    backward: int
    record: dict[str, Any] | None = field(default=None)


class Engine(Protocol):
    """What the simulated clients compute on their own data; the server sees only the results."""

    d: int

    def train(
        self,
        w: Tensor,
        clients: Sequence[int],
        orders: Tensor,
        *,
        batch: int,
        lr: float,
        weight_decay: float,
    ) -> Iterable[Tensor]:
        """Each client's model after local SGD from w, (d,) each, in the order of `clients`.

        orders: (A, E, n) int64, the order in which each client visits its images in each epoch; a
        client with fewer than n images ignores the larger numbers.
        """
        ...

    def probe(
        self, w: Tensor, clients: Sequence[int], directions: Directions, *, radius: float
    ) -> Tensor:
        """Mean losses at w + radius u and w - radius u over each client's data, w untouched.

        Returns (A, S, 2) float64, the rows of `directions` being those of the clients in order.
        """
        ...

    def slopes(self, w: Tensor, clients: Sequence[int], directions: Directions) -> Tensor:
        """The limit of `probe` per radius: each client's gradient times its u, (A, S) float64."""
        ...


class Algorithm(Protocol):
    """One kind of phase. Frozen: a round is a function of its arguments alone."""

    def round(
        self, w: Tensor, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[Tensor, Report]:
        """Round t from w: the new w and what it cost."""
        ...


class Replayable(Algorithm, Protocol):
    """A phase whose rounds leave records: anybody can make the step again from a record alone."""

    def apply(self, w: Tensor, record: dict[str, Any], seeds: Seeds) -> Tensor:
        """The model after a recorded round, bit for bit as `round` made it."""
        ...

    def report(self, cohort: Cohort, record: dict[str, Any]) -> Report:
        """What a recorded round cost."""
        ...
