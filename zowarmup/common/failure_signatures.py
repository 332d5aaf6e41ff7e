"""Signs in the training loss that a phase went wrong, each with its likely cause and what to try.

They are the failure signatures that the paper lists, as warnings: a run that shows one is not an
error, and its numbers count as they are.

Reference: arXiv:2509.03503.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

FLAT = 0.02  # ours: a loss that has fallen by less than this share has not moved
RISE = 0.1  # ours: and one that has risen by more is diverging
FITTED = 0.1  # nats; from here on there is little left to fall: nine tenths on the right class

FLAT_LOSS, RISING_LOSS = "flat loss", "diverging loss"
SECOND = {
    FLAT_LOSS: (
        "the pivot is too early for zeroth-order steps, or the learning rate or tau is off",
        "a later pivot, or learning rates up to three times larger and smaller",
    ),
    RISING_LOSS: (
        "the pivot is too early, or the learning rate or tau is too large",
        "a third of the learning rate or a smaller tau, then a later pivot",
    ),
}
LOCAL = (
    "the clients drift apart over their local steps, or the learning rate is too large",
    "fewer local steps (larger batch, fewer epochs) or a third of the learning rate",
)
ADAM = (
    "Adam's moments are those of noisy steps, as the paper expects",
    "plain steps: fedavg in phase 1, zo in phase 2",
)
START = (
    "zeroth-order steps from a random initialisation have little to follow",
    "a warm-up of high-resource clients before them",
)
FIRST = ("the learning rate is too large or too small", "learning rates three times off")

Row = Mapping[str, Any]


def sentences(rows: Sequence[Row], phases: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with the phases of a run; nothing if nothing is.

    Args:
        rows: of metrics.csv in order, numbers or their text, with the row at the start of every
            phase that shall be looked at: round 0, or the last row of the phase before.
        phases: all phases of the run, each with its algorithm and its clients.
    """
    found = []
    for number, phase in enumerate(phases, start=1):
        own = [i for i, row in enumerate(rows) if int(row["phase"]) == number]
        first = min(own, default=0)
        begin = first if own and int(rows[first]["round"]) == 0 else first - 1
        if begin < 0 or not own or own[-1] == begin:
            continue  # nothing that it could have changed
        column = loss_column(phase["clients"])
        losses = [as_number(rows[i][column]) for i in (begin, own[-1])]
        sign = symptom(*losses, diverged=str(rows[own[-1]]["diverged"]) == "True")
        if sign:
            found.append(_sentence(sign, number, phase, losses))
    return found


def loss_column(clients: str) -> str:
    """The training loss of those who train: "all", "high" or "low"."""
    return "train_loss" if clients == "all" else f"train_loss_{clients}"


def symptom(start: float, end: float, *, diverged: bool = False) -> str:
    """FLAT_LOSS, RISING_LOSS, or nothing, from the loss before and after a phase.

    A loss that was small already may stay, and rise as long as it is small.
    """
    if diverged or not end <= max((1 + RISE) * start, FITTED):
        return RISING_LOSS
    return FLAT_LOSS if end > max((1 - FLAT) * start, FITTED) else ""


def advice(sign: str, algorithm: str, number: int) -> tuple[str, str]:
    """(likely cause, what to try) for a symptom of an algorithm in phase 1, 2, ..."""
    zeroth_order = algorithm.startswith("zo") or algorithm == "fedkseed"
    if "adam" in algorithm:
        return ADAM
    if number == 1:
        return START if zeroth_order else FIRST
    if sign == RISING_LOSS and algorithm in ("zo_local", "fedkseed"):
        return LOCAL
    return SECOND[sign] if zeroth_order else FIRST


def _sentence(sign: str, number: int, phase: Row, losses: Sequence[float]) -> str:
    cause, remedy = advice(sign, phase["algorithm"], number)
    whom = {"all": "all", "high": "high-resource", "low": "low-resource"}[phase["clients"]]
    start, end = (f"{loss:.4g}" if math.isfinite(loss) else "no number" for loss in losses)
    return (
        f"{sign} in phase {number} ({phase['algorithm']}): the training loss of {whom} clients "
        f"went from {start} to {end}; likely {cause}; try {remedy}"
    )


def as_number(value: Any) -> float:
    """Of a row that training made, or of one read from a file, where NaN is empty."""
    return float(value) if value != "" else math.nan
