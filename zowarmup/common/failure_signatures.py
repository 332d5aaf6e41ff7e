"""Failure signatures: patterns in the training loss that look wrong, with cause and remedy.

A run that shows a signature is not an error, and its numbers count. Reference: arXiv:2509.03503.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

FLAT = 0.02  # ours: a loss that has fallen by less than this share has not moved
RISE = 0.1  # ours: a loss that has risen by more than this share diverges
FITTED = 0.1  # nats; the right class has probability 0.9, so the loss can hardly fall further

FLAT_LOSS, RISING_LOSS = "flat loss", "diverging loss"
# (likely cause, what to try)
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
FIRST = ("the learning rate is too large or too small", "a third of it or three times it")

Row = Mapping[str, Any]


def sentences(rows: Sequence[Row], phases: Sequence[Row]) -> Iterator[str]:
    """Yield a sentence for each phase in which the training loss of a run looks wrong.

    `rows`: the rows of metrics.csv, in order. A phase without a row at its start (round 0, or the
    last row of the phase before) is skipped.
    """
    for number, phase in enumerate(phases, start=1):
        trained = [i for i, row in enumerate(rows) if row["phase"] == number and row["round"]]
        if not trained or not trained[0]:
            continue
        column, algorithm = loss_column(phase["clients"]), phase["algorithm"]
        start, end = (rows[i][column] for i in (trained[0] - 1, trained[-1]))
        if signature := of_losses(start, end, diverged=rows[trained[-1]]["diverged"]):
            cause, remedy = advice(signature, algorithm, number)
            yield (
                f"{signature} in phase {number} ({algorithm}): {column} went from {start:.4g} to "
                f"{end:.4g}; likely {cause}; try {remedy}"
            )


def loss_column(clients: str) -> str:
    """Return the column with the training loss of the clients "all", "high" or "low"."""
    return "train_loss" if clients == "all" else f"train_loss_{clients}"


def of_losses(start: float, end: float, *, diverged: bool = False) -> str:
    """Return the signature of the losses before and after a phase; "" also for `end` <= FITTED."""
    if diverged or not end <= max((1 + RISE) * start, FITTED):
        return RISING_LOSS
    return FLAT_LOSS if end > max((1 - FLAT) * start, FITTED) else ""


def advice(signature: str, algorithm: str, number: int) -> tuple[str, str]:
    """(likely cause, what to try) for a signature of an algorithm in phase 1, 2, ..."""
    zeroth_order = algorithm.startswith("zo") or algorithm == "fedkseed"
    if "adam" in algorithm:
        return ADAM
    if number == 1:
        return START if zeroth_order else FIRST
    if signature == RISING_LOSS and algorithm in ("zo_local", "fedkseed"):
        return LOCAL
    return SECOND[signature] if zeroth_order else FIRST
