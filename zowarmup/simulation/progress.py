"""How far a job is: one line every few seconds, in its log or on the terminal."""

import logging
import time
from typing import Any

from tqdm import tqdm

EVERY = 2.0  # seconds between lines

log = logging.getLogger("zowarmup")


class Progress:
    """Says round, speed and time to go, and the last measurements when there are some.

    Args:
        what: name of the job.
        total: its last round.
    """

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total = what, total
        self.began = self.said = time.monotonic()
        self.measured, self.first = "", total

    def step(self, t: int) -> None:
        """Round t is done; says so now and then."""
        self.first = min(self.first, t)
        if time.monotonic() - self.said > EVERY:
            self.said = time.monotonic()
            self._say(t, (t - self.first + 1) / (self.said - self.began))

    def note(self, row: dict[str, Any]) -> None:
        """Remember the latest row of metrics."""
        self.measured = f"  loss {row['test_loss']:.4f}  accuracy {row['test_accuracy']:.4f}"

    def _say(self, t: int, speed: float) -> None:
        left = tqdm.format_interval((self.total - t) / speed)
        log.info(
            f"{self.what}: round {t}/{self.total}{self.measured}  {speed:.1f} rounds/s  left {left}"
        )
