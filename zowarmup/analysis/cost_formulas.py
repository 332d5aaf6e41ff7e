"""Formulas for the costs of a run from its settings, to compare with the costs that were counted.

    d, d_low    parameters of the network, and of the network that low-resource clients train
    A           clients in a round;  n  training images of a client
    S, K        directions per step, and candidate seeds of FedKSeed
    E, B        epochs, mini-batch size in local training;  T = E * ceil(n / B)  steps in a round

With full participation and equal clients the formulas are exact. With partial participation the
bytes are an expectation that leaves out the model that a returning client may receive.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil, nan
from typing import Any, NamedTuple

import numpy as np

FLOAT = 4  # bytes of a float32
SHORT = 1 << 16  # candidates that an index of two bytes can tell apart
TIERS = ("high", "low")


@dataclass(frozen=True)
class Phase:
    """One phase of a run, up to the round that it was trained to.

    Attributes:
        members: the clients of each tier that take part.
        row: column of metrics.csv -> setting; a phase's columns end in `number`.
        tier: of the client whose costs are asked for.
    """

    algorithm: str
    rounds: int
    members: Mapping[str, int]
    participation: float
    row: Mapping[str, Any]
    number: int
    tier: str = "high"

    @property
    def A(self) -> int:
        """The number of clients in a round."""
        return max(1, round(self.participation * sum(self.members.values())))

    @property
    def T(self) -> int:
        """The number of local steps that a client takes in a round."""
        epochs, batch = (self.row[f"{name}_{self.number}"] for name in ("epochs", "batch"))
        return int(epochs) * ceil(self.row["images"] / batch)

    @property
    def seen(self) -> float:
        """E n, the number of images that a client visits in a round of local training."""
        return float(self.row[f"epochs_{self.number}"] * self.row["images"])


class Cost(NamedTuple):
    """Costs of one client in one round: bytes up and down, forward and backward passes."""

    up: float
    down: float
    forward: float
    backward: float


def probes(
    directions: int, d: int, clients: int, train: int, away: int, images: float, heldout: float
) -> Cost:
    """Return the costs of a probe for all clients; see training.probes.

    Args:
        train, away: clients of the warm-up, and clients that do not have its model.
    """
    estimated = directions > 0  # then a gradient travels too
    up = FLOAT * (2 * directions + 4 if estimated else 2) * clients + FLOAT * d * train * estimated
    down = FLOAT * d * (away + clients * estimated)
    backward = images * train * estimated
    forward = ((2 * directions + 3 if estimated else 1) * images + heldout) * clients + backward
    return Cost(up, down, forward, backward)


def models(phase: Phase, d: float) -> Cost:
    """Return the costs if models travel: one each way, and E epochs of backpropagation."""
    return Cost(FLOAT * d, FLOAT * d, phase.seen, phase.seen)


def scalars(phase: Phase, d: float) -> Cost:
    """Return ZO's costs: S scalars up, S * A scalars down, two passes per direction and image."""
    S, n = phase.row["S"], phase.row["images"]
    directional = phase.row["estimator"] == "directional"
    forward, backward = (n, n) if directional else (2 * S * n, 0)
    return Cost(FLOAT * S, FLOAT * S * phase.A, forward, backward)


def local_scalars(phase: Phase, d: float) -> Cost:
    """Return the costs of `zo_local`: S scalars for each of T local steps."""
    sent = FLOAT * phase.row["S"] * phase.T
    return Cost(sent, sent * phase.A, 2 * phase.row["S"] * phase.seen, 0)


def candidates(phase: Phase, d: float) -> Cost:
    """Return FedKSeed's costs: T pairs or, if shorter, K sums; down, with "pro", 2 K numbers."""
    K = phase.row["candidates"]
    down = FLOAT * K * (2 if phase.row["sampling"] == "pro" else 1)
    up = (FLOAT + (2 if K <= SHORT else 4)) * phase.T
    if phase.row["sampling"] == "uniform":  # any other sampling needs each scalar
        up = min(FLOAT * K, up)
    return Cost(up, min(down, phase.A * up), 2 * phase.seen, 0)


def mixed(phase: Phase, d: float) -> Cost:
    """Return the costs of `zo_mixed`: up a model or S scalars, by tier.

    Down come a model difference in its form and the scalars of the low-resource clients.
    """
    S, n, share = phase.row["S"], phase.row["images"], phase.row["top"]
    scales, top = FLOAT * phase.row["tensors"], 8 * max(1, round(share * d))
    form = {"float32": FLOAT * d, "int8": d + scales, "sign": ceil(d / 8) + scales, "top": top}
    trains = phase.members["high"] > 0 and phase.row["high_factor"] > 0
    down = FLOAT * S * phase.participation * phase.members["low"]
    down += form[phase.row["download"]] if trains else 0
    if phase.tier == "low":
        directional = phase.row["estimator"] == "directional"
        forward, backward = (n, n) if directional else (2 * S * n, 0)
        return Cost(FLOAT * S, down, forward, backward)
    return Cost(FLOAT * d, down, phase.seen, phase.seen) if trains else Cost(0, down, 0, 0)


FORMULAS: dict[str, Callable[[Phase, float], Cost]] = {
    "fedavg": models,
    "fedadam": models,
    "heterofl": models,
    "zo": scalars,
    "zo_adam": scalars,
    "zo_subset": scalars,
    "zo_local": local_scalars,
    "fedkseed": candidates,
    "zo_average": scalars,
    "zo_scalar_moment": scalars,
    "zo_block": scalars,
    "zo_adam_smooth": scalars,
    "zo_mixed": mixed,
    "zo_orthogonal": scalars,
    "zo_groups": scalars,
    "zo_low_rank": scalars,
}


def phases(row: Mapping[str, Any]) -> list[Phase]:
    """Return the phases of a run that were trained up to this row of its metrics."""
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
    """Return the costs of a client of a tier in one round; NaN if the algorithm has no formula."""
    if phase.algorithm not in FORMULAS:
        return Cost(nan, nan, nan, nan)
    d = phase.row["d_low" if tier == "low" and phase.algorithm == "heterofl" else "d"]
    return FORMULAS[phase.algorithm](replace(phase, tier=tier), d)


def once(phase: Phase) -> float:
    """Return the bytes of the model that a client gets before a phase in which no models travel."""
    if phase.algorithm not in FORMULAS:
        return nan
    return 0 if FORMULAS[phase.algorithm] is models else FLOAT * phase.row["d"]


def total(row: Mapping[str, Any], tier: str) -> Cost:
    """Return the sum of the costs of all clients of a tier, up to this row of metrics."""
    costs = np.zeros(4)
    for phase in phases(row):
        if members := phase.members[tier]:
            costs += members * phase.rounds * phase.participation * np.array(per_round(phase, tier))
            costs[1] += members * once(phase)
    return Cost(*costs.tolist())
