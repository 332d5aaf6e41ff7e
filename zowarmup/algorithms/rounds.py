"""The parts of a round of any algorithm: cohort, state, message and costs.

K, A    number of clients, number of clients in the round's cohort
d, S    number of parameters, number of directions per client and step
C       number of classes
n_i     training images of client i;  p_i = n_i / sum of n over the cohort
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds

SUM = 1e-6  # how far the sum of the weights may differ from 1

FLOAT32 = 3.4028234663852886e38  # the largest float32, the type in which scalars travel
FLOAT64 = 1.7976931348623157e308

ITERATE = "iterate"  # the name of the iterate beside a model that is an average

Gain = Annotated[float, Field(ge=0, le=FLOAT64, strict=True)]
Index = Annotated[int, Field(ge=0, strict=True)]
Weight = Annotated[float, Field(ge=0, le=1, strict=True)]
Scalar = Annotated[float, Field(ge=-FLOAT32, le=FLOAT32, strict=True)]


@dataclass(frozen=True)
class Cohort:
    """The clients of one round, in sorted order, and their numbers of training images.

    Attributes:
        low: the clients of the cohort that cannot hold backpropagation.
    """

    clients: tuple[int, ...]
    sizes: tuple[int, ...]
    low: frozenset[int] = frozenset()

    @property
    def weights(self) -> tuple[float, ...]:
        """p_i, the share of each client in the average."""
        return tuple(self.shares())

    def only(self, members: Collection[int]) -> "Cohort":
        """The part of the cohort that is among `members`; it may be empty."""
        pairs = zip(self.clients, self.sizes, strict=True)
        sizes = {client: size for client, size in pairs if client in members}
        return Cohort(tuple(sizes), tuple(sizes.values()), self.low & sizes.keys())

    def shares(self, dropped: Collection[int] = ()) -> list[float]:
        """p_i, with 0 for dropped clients; all are 0 if every client is dropped."""
        sizes = [0 if i in dropped else n for i, n in zip(self.clients, self.sizes, strict=True)]
        return [n / (sum(sizes) or 1) for n in sizes]


@dataclass(frozen=True)
class State:
    """The server's state between two rounds of a phase.

    Attributes:
        w: (d,) the global model, which is evaluated, saved and handed to the next phase.
        server: the server's other tensors by name, such as Adam's moments.
    """

    w: Tensor
    server: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def iterate(self) -> Tensor:
        """The model at which the clients compute: w, unless w is an average of such models."""
        return self.server.get(ITERATE, self.w)

    @property
    def of_clients(self) -> list[Tensor]:
        """The tensors that a client needs to take the next step; an average stays at the server."""
        others = [kept for name, kept in self.server.items() if name != ITERATE]
        return [self.iterate, *others]


class RecordError(UserError):
    """A record that is damaged or of another round; the message is part of a sentence."""


@dataclass(frozen=True)
class RoundRecord:
    """The message of a zeroth-order round; with the seeds, it determines the step bit for bit.

    Attributes:
        round: t, counted from 1 over all phases.
        clients: the cohort, sorted.
        weights: p_i, one per client; 0 for a dropped client.
        scalars: c of each client, in the order of its directions, as float32.
        lr: learning rate of the step.
        dropped: clients left out because a scalar is not finite, or because they did not answer;
            None if the phase drops none, and in FedKSeed if the round does.
        chosen: in FedKSeed, the candidate of each scalar.
        edges: where the blocks of w begin, and d, if each direction lies in one block.
        pi: the probability of each block.
        drift: root mean square distance of the clients' models from their mean; None where
            clients make no local steps.
        subset: the parameters that train, where they are chosen.
        gains: the gain that was measured of each choice, in the round that chose.
    """

    round: Annotated[int, Field(ge=1, strict=True)]
    clients: list[Index]
    weights: list[Weight]
    scalars: list[list[Scalar]]
    lr: Annotated[float, Field(gt=0, le=FLOAT32, strict=True)]
    dropped: list[Index] | None = None
    chosen: list[list[Index]] | None = None
    edges: list[Index] | None = None
    pi: list[Weight] | None = None
    drift: Annotated[float, Field(ge=0, le=FLOAT64, strict=True)] | None = None
    subset: str | None = None
    gains: dict[str, Gain] | None = None

    def __post_init__(self) -> None:
        if self.clients != sorted(set(self.clients)) or not self.clients:
            raise ValueError("clients must be sorted and distinct, at least one")
        if not len(self.clients) == len(self.weights) == len(self.scalars):
            raise ValueError("weights and scalars must have one entry per client")
        if any(self.weights) and abs(math.fsum(self.weights) - 1) > SUM:
            raise ValueError("weights must add up to 1")

    @classmethod
    def from_json(cls, entry: Mapping[str, object]) -> "RoundRecord":
        """The record that a line of a journal holds.

        A checksum shows damage by a disk, but not an edit by hand; an impossible number would
        silently lead to other results.

        Raises:
            RecordError: a field is missing, or no round writes such a value.
        """
        try:
            return _RECORD.validate_python(entry)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise RecordError(f"is not a record of a round ({field} {first['msg']})") from error

    def to_json(self) -> dict[str, object]:
        """Return the fields that are not None, as a line of a journal holds them."""
        return {name: value for name, value in vars(self).items() if value is not None}

    def check(self, t: int, cohort: Cohort) -> None:
        """Check that this is the record of round t with these clients.

        Raises:
            RecordError: it is the record of another round or of other clients.
        """
        expected = t, list(cohort.clients), cohort.shares(self.dropped or ())
        if (self.round, self.clients, self.weights) != expected:
            raise RecordError(
                f"found a record of round {self.round}, but expected round {t} with "
                f"{len(cohort.clients)} clients and their shares"
            )


_RECORD = TypeAdapter(RoundRecord)


@dataclass(frozen=True)
class Report:
    """The costs of a round and, where clients send scalars, the record that all receive.

    Attributes:
        bytes_up, bytes_down: bytes of each client, in the order of the cohort.
        forward, backward: passes of one image through the network, all clients together.
        record: the round's message to all clients, None where models travel.
        measured_up: the part of all bytes_up that the record does not hold.
    """

    bytes_up: Sequence[int]
    bytes_down: Sequence[int]
    forward: int
    backward: int
    record: RoundRecord | None = None
    measured_up: int = 0

    @property
    def record_bytes(self) -> int:
        """The bytes that a client downloads that missed the round."""
        return sum(self.bytes_up) - self.measured_up

    @property
    def drift(self) -> float:
        """The drift in the record, NaN if none was measured."""
        drift = self.record.drift if self.record else None
        return math.nan if drift is None else drift


class Algorithm(Protocol):
    """One kind of phase; frozen, so that a round is a function of its arguments alone."""

    def begin(self, w: Tensor) -> State:
        """The state before the first round of a phase that starts from w."""
        ...

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Run round t; return the new state and the costs."""
        ...


class Replayable(Algorithm, Protocol):
    """A phase whose rounds leave records, from which anybody with the seeds can repeat a step."""

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """The state after a recorded round, bit for bit as `round` made it."""
        ...

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round."""
        ...
