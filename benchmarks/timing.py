"""Shared by all benchmarks: a row of the table, and functions timed in turns."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from zowarmup.runtime.machine import processor


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: description of `value`, with its unit.
        quartiles: lower and upper quartile of n repeats.
        goal: the largest accepted value, None for no goal.
        more: further entries of bench.json, by name.
    """

    name: str
    what: str
    value: float
    quartiles: tuple[float, float]
    n: int
    goal: float | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        low, high = self.quartiles
        verdict = "met" if self.goal is not None and self.value <= self.goal else "missed"
        goal = "" if self.goal is None else f"goal {self.goal:g} {verdict}"
        return (
            f"{self.name:14}  {self.what:80}  {self.value:8.4g} [{low:.4g}, {high:.4g}]"
            f"  n {self.n:<3} {goal}"
        ).rstrip()

    def facts(self) -> dict[str, Any]:
        """Return the row as an entry of bench.json."""
        own = {name: value for name, value in vars(self).items() if name not in ("name", "more")}
        return own | dict(self.more)


def turns(
    sides: Mapping[str, Callable[[int], object]],
    repeats: int,
    rounds: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Return the milliseconds of a call of each side, `repeats` times, in turns.

    In turns, so that other work on the machine slows all sides. Each turn makes `rounds` calls,
    numbered consecutively; one turn before the first warms up.
    """
    times: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(repeats + 1):
        for side, run in sides.items():
            start = clock()
            for t in range(rounds):
                run(repeat * rounds + t)
            times[side].append(1e3 * (clock() - start) / rounds)
    return {side: ms[1:] for side, ms in times.items()}


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the lower and upper quartile; a single value is both."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def summary(name: str, times: Sequence[float]) -> dict[str, Any]:
    """Return median and quartiles under a name, for bench.json."""
    return {f"{name}_ms": statistics.median(times), f"{name}_ms_quartiles": quartiles(times)}


def hardware() -> dict[str, Any]:
    """Return a description of the machine."""
    return {
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Return the versions that decide the speed."""
    return {"python": platform.python_version(), "torch": str(torch.__version__)}
