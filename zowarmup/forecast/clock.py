"""Seconds by the clock on the wall, and those in which a processor worked."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple


class Seconds(NamedTuple):
    """Of something that ran.

    Attributes:
        wall: by the clock; other processes on the machine make them more.
        busy: in which this process's processors worked, less where it waited for its turn.
    """

    wall: float = 0.0
    busy: float = 0.0

    def plus(self, other: "Seconds", times: float = 1.0) -> "Seconds":
        """These and so many times the other."""
        return Seconds(self.wall + times * other.wall, self.busy + times * other.busy)

    def times(self, factor: float) -> "Seconds":
        """So many times as long."""
        return Seconds().plus(self, factor)


class Watch:
    """Runs from its making on.

    Args:
        alone: whether one thread on the CPU does all the work, so that its busy seconds are those
            that it would take on a machine with nothing else to do.
    """

    def __init__(self, alone: bool = True) -> None:
        self.alone = alone
        self.wall, self.busy = time.perf_counter(), time.process_time()

    def read(self) -> Seconds:
        """Since then."""
        wall = time.perf_counter() - self.wall
        return Seconds(wall, time.process_time() - self.busy if self.alone else wall)


def repeat(once: Callable[[], object], watch: Callable[[], Watch], least: float) -> Seconds:
    """Mean of as many calls as take `least` seconds, three at least if they are short."""
    running, calls = watch(), 0
    while calls < 1 or (running.read().wall < least or (calls < 3 and running.read().wall < 1)):
        once()
        calls += 1
    return running.read().times(1 / calls)


def process(program: str) -> tuple[Seconds, int]:
    """A Python process that runs a program, and the most memory that it had, in bytes."""
    before, running = resource.getrusage(resource.RUSAGE_CHILDREN), Watch()
    code = f"{program}\n{PEAK}"
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Seconds(running.read().wall, busy), 1024 * int(said)


# Linux counts what a process was forked from among its ru_maxrss, but not among its VmHWM.
PEAK = """
import pathlib, re, resource
try:
    print(re.search(r"VmHWM:\\s*(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
except (OSError, TypeError):
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
