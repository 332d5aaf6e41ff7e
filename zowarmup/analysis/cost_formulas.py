"""The costs of a run by formula, from its settings alone, to compare with the counted costs.

    d, d_low    parameters of the network, and of the one that low-resource clients train
    A           clients of a round;  n  training images of a client
    S, K        directions per step, FedKSeed's candidate seeds
    E, B        epochs and mini-batch of local training;  T = E * ceil(n / B)  its steps in a round

With full participation and equal clients the formulas are exact. With partial participation the
bytes are an expectation, without the model that a returning client may receive.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, nan
from typing import Any, NamedTuple

import numpy as np

FLOAT = 4  # bytes of a float32
SHORT = 1 << 16  # candidates that an index of two bytes can tell apart
TIERS = ("high", "low")


@dataclass(frozen=True)
class Phase:
    """One phase of a run as far as it was trained."""

    algorithm: str
    rounds: int
    members: Mapping[str, int]  # clients of each tier that take part
    participation: float
    row: Mapping[str, Any]  # settings by column of metrics.csv; those of a phase end in its number
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
    """Bytes up and down, forward and backward passes of one client in one round."""

    up: float
    down: float
    forward: float
    backward: float


def models(phase: Phase, d: float) -> Cost:
    """A model each way, and E epochs of backpropagation."""
    return Cost(FLOAT * d, FLOAT * d, phase.seen, phase.seen)


def scalars(phase: Phase, d: float) -> Cost:
    """S scalars up, those of all clients down; two passes per direction over all images."""
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
    """The phases of a run up to its row of metrics."""
    pivot = row["pivot"] if row["algorithm_2"] else row["round"]
    high, low = int(row["high_clients"]), int(row["clients"] - row["high_clients"])
    result = []
    for number, rounds in ((1, min(row["round"], pivot)), (2, row["round"] - pivot)):
        if not row[f"algorithm_{number}"] or rounds <= 0:
            continue
        algorithm, clients, participation = (
            row[f"{name}_{number}"] for name in ("algorithm", "clients", "participation")
        )
        members = {"high": high * (clients != "low"), "low": low * (clients != "high")}
        result.append(Phase(algorithm, int(rounds), members, participation, row, number))
    return result


def per_round(phase: Phase, tier: str) -> Cost:
    """The costs of a round for a client of a tier; NaN for an algorithm without a formula."""
    if phase.algorithm not in FORMULAS:
        return Cost(nan, nan, nan, nan)
    d = phase.row["d_low" if tier == "low" and phase.algorithm == "heterofl" else "d"]
    return FORMULAS[phase.algorithm](phase, d)


def once(phase: Phase) -> float:
    """Bytes of the model, sent to each client before a phase in which no models travel."""
    if phase.algorithm not in FORMULAS:
        return nan
    return 0 if FORMULAS[phase.algorithm] is models else FLOAT * phase.row["d"]


def total(row: Mapping[str, Any], tier: str) -> Cost:
    """The costs of all clients of a tier, up to this row of metrics."""
    costs = np.zeros(4)
    for phase in phases(row):
        if members := phase.members[tier]:
            costs += members * phase.rounds * phase.participation * np.array(per_round(phase, tier))
            costs[1] += members * once(phase)
    return Cost(*costs.tolist())
