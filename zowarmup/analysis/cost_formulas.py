"""What a run must cost by formula, from its settings alone: to hold beside what was counted.

    d, d_low    parameters of the network, and of the one that low-resource clients train
    A           clients of a round;  n  training images of a client
    S, K        directions per step, FedKSeed's candidate seeds
    E, B        epochs and mini-batch of local training;  T = E * ceil(n / B)  its steps in a round

With full participation and equal clients the formulas are exact. With less, bytes that depend on
who took part are their expectation, and a client that came back may have been sent the model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, nan
from typing import Any, NamedTuple

FLOAT = 4  # bytes of a float32
SHORT = 1 << 16  # candidates that an index of two bytes can tell apart
TIERS = ("high", "low")


@dataclass(frozen=True)
class Phase:
    """One phase of a run as far as it was trained."""

    algorithm: str
    clients: str
    rounds: int
    members: Mapping[str, int]
    participation: float
    row: Mapping[str, Any]
    number: int

    @property
    def A(self) -> int:
        """Clients of a round."""
        return max(1, round(self.participation * sum(self.members.values())))

    @property
    def T(self) -> int:
        """Local steps of a client in a round."""
        epochs, batch = (self.row[f"{name}_{self.number}"] for name in ("epochs", "batch"))
        return int(epochs) * ceil(self.row["images"] / batch)

    @property
    def seen(self) -> float:
        """Images that a client visits in a round of local training, E n."""
        return float(self.row[f"epochs_{self.number}"] * self.row["images"])


class Cost(NamedTuple):
    """Of one client in one round."""

    up: float
    down: float
    forward: float
    backward: float


def models(phase: Phase, d: float) -> Cost:
    """A model each way, and E epochs of backpropagation."""
    return Cost(FLOAT * d, FLOAT * d, phase.seen, phase.seen)


def scalars(phase: Phase, d: float) -> Cost:
    """S scalars go up, everybody's come down; two passes per direction over all images."""
    S, n = phase.row["S"], phase.row["images"]
    directional = phase.row["estimator"] == "directional"
    forward, backward = (n, n) if directional else (2 * S * n, 0)
    return Cost(FLOAT * S, FLOAT * S * phase.A, forward, backward)


def local_scalars(phase: Phase, d: float) -> Cost:
    """S scalars for each of T local steps."""
    sent = FLOAT * phase.row["S"] * phase.T
    return Cost(sent, sent * phase.A, 2 * phase.row["S"] * phase.seen, 0)


def candidates(phase: Phase, d: float) -> Cost:
    """K accumulators down (and as many probabilities), up these or T pairs if that is shorter."""
    K = phase.row["candidates"]
    down = FLOAT * K * (2 if phase.row["sampling"] == "pro" else 1)
    up = (FLOAT + (2 if K <= SHORT else 4)) * phase.T
    if phase.row["sampling"] == "uniform":  # else the server needs each scalar
        up = min(FLOAT * K, up)
    return Cost(up, down, 2 * phase.seen, 0)


def unknown(phase: Phase, d: float) -> Cost:
    """Of an algorithm without a formula below: no numbers."""
    return Cost(nan, nan, nan, nan)


FORMULAS: dict[str, Callable[[Phase, float], Cost]] = {
    "fedavg": models,
    "fedadam": models,
    "heterofl": models,
    "zo": scalars,
    "zo_adam": scalars,
    "zo_local": local_scalars,
    "fedkseed": candidates,
}


def phases(row: Mapping[str, Any]) -> list[Phase]:
    """The phases of a run up to its row of metrics, with the clients of each tier in them."""
    pivot = row["pivot"] if row["algorithm_2"] else row["round"]
    rounds = {1: min(row["round"], pivot), 2: max(0, row["round"] - pivot)}
    numbers = [number for number in (1, 2) if row[f"algorithm_{number}"] and rounds[number] > 0]
    return [
        Phase(
            algorithm=row[f"algorithm_{number}"],
            clients=row[f"clients_{number}"],
            rounds=int(rounds[number]),
            members=_members(row, row[f"clients_{number}"]),
            participation=row[f"participation_{number}"],
            row=row,
            number=number,
        )
        for number in numbers
    ]


def _members(row: Mapping[str, Any], clients: str) -> dict[str, int]:
    sizes = {"high": int(row["high_clients"]), "low": int(row["clients"] - row["high_clients"])}
    return {tier: sizes[tier] if clients in (tier, "all") else 0 for tier in TIERS}


def per_round(phase: Phase, tier: str) -> Cost:
    """What a round costs a client of a tier."""
    d = phase.row["d_low" if tier == "low" and phase.algorithm == "heterofl" else "d"]
    return FORMULAS.get(phase.algorithm, unknown)(phase, d)


def once(phase: Phase) -> float:
    """Bytes down to each client before a phase in which no models travel: the model."""
    formula = FORMULAS.get(phase.algorithm)
    if formula is None:
        return nan
    return 0 if formula is models else FLOAT * phase.row["d"]


def total(row: Mapping[str, Any], tier: str) -> Cost:
    """All clients of a tier, up to this row of metrics."""
    sums = Cost(0, 0, 0, 0)
    for phase in phases(row):
        if not phase.members[tier]:
            continue
        one, visits = per_round(phase, tier), phase.rounds * phase.participation
        whole = [phase.members[tier] * visits * part for part in one]
        whole[1] += phase.members[tier] * once(phase)
        sums = Cost(*(a + b for a, b in zip(sums, whole, strict=True)))
    return sums
