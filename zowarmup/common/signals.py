"""Signals that ask a job to end: it keeps what it has done and leaves within seconds.

SLURM sends SIGTERM when it cancels or preempts a job and, where it is asked to, SIGUSR1 some time
before the limit; a terminal sends SIGINT.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)

_heard = 0  # the signal that was heard, 0 if none


class Stopped(KeyboardInterrupt):
    """Somebody has asked this process to end.

    Attributes:
        status: the exit status that a shell would show for this signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.status = 128 + number


@contextmanager
def stoppable() -> Iterator[None]:
    """Within, the first of these signals raises `Stopped` in the main thread.

    Further ones are passed over, since several come at once (SLURM's to every process of a job,
    Snakemake's own after it) and there is something to be saved. A signal that was ignored stays
    so, as in a shell's background jobs.
    """
    global _heard
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets no other thread handle signals
        return
    _heard = 0
    before = {n: signal.getsignal(n) for n in SIGNALS}
    ours = [n for n, handler in before.items() if handler is not signal.SIG_IGN]
    for number in ours:
        signal.signal(number, _hear)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, before[number])
        _heard = 0


def check() -> None:
    """Raise what a destructor may have swallowed when the signal met it; call it once a round."""
    if _heard:
        raise Stopped(_heard)


def _hear(number: int, frame: FrameType | None) -> None:
    global _heard
    if not _heard:
        _heard = number
        raise Stopped(number)
