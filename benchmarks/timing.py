"""What all benchmarks share: a row of the table, and functions timed in turns."""

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
        what: what `value` is, with its unit.
        quartiles: lower and upper, of n repeats.
        goal: the largest value that we accept, None where there is none.
        more: what else goes to bench.json, by name.
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
        """The row as bench.json has it."""
        own = {name: value for name, value in vars(self).items() if name not in ("name", "more")}
        return own | dict(self.more)


def turns(
    sides: Mapping[str, Callable[[int], object]],
    repeats: int,
    rounds: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Milliseconds of a call of each side, `repeats` times, in turns.

    So whatever else the machine does meets all sides. Each turn makes `rounds` calls, numbered on;
    one more turn before the first warms up.
    """
    times: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(repeats + 1):
        for side, run in sides.items():
            start = clock()
            for t in range(rounds):
                run(repeat * rounds + t)
            times[side].append(1e3 * (clock() - start) / rounds)
    return {side: found[1:] for side, found in times.items()}


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Lower and upper; a single value is both."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def summary(name: str, times: Sequence[float]) -> dict[str, Any]:
    """Median and quartiles under a name, for bench.json."""
    return {f"{name}_ms": statistics.median(times), f"{name}_ms_quartiles": quartiles(times)}


def hardware() -> dict[str, Any]:
    """The machine."""
    return {
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(),
    }


def versions() -> dict[str, str]:
    """Of what decides the speed."""
    return {"python": platform.python_version(), "torch": str(torch.__version__)}
