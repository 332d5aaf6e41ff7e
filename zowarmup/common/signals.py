"""Signals that ask a job to end: it saves its work and ends within seconds.

SLURM sends SIGTERM when it cancels or preempts a job and, if asked to, SIGUSR1 some time before the
time limit; a terminal sends SIGINT.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

_received = 0  # the number of the first signal; 0 before any signal


class Stopped(KeyboardInterrupt):
    """A signal has asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number  # as a shell would show it


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block, turn the first of these signals into `Stopped` in the main thread.

    Further signals are ignored, because several come at once (SLURM signals every process of a job,
    then Snakemake does, too) and there is work to save. A signal that was ignored before stays
    ignored, as in a shell's background jobs.
    """
    global _received
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets no other thread handle signals
        return
    _received = 0
    before = {n: handler for n in SIGNALS if (handler := signal.getsignal(n)) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, _receive)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _received = 0


def check() -> None:
    """Raise the `Stopped` that a destructor may have swallowed; call it once a round."""
    if _received:
        raise Stopped(_received)


def _receive(number: int, frame: FrameType | None) -> None:
    global _received
    if not _received:
        _received = number
        raise Stopped(number)
