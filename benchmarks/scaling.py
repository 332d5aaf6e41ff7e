"""Time a round by two processes against one alone: `python -m benchmarks.scaling`.

Zeroth-order rounds (two-point, S = 3) of a ResNet on random images of the size of CIFAR's, by 8
clients of 14, engine plain, one thread a process. The second process waits while the first one
works alone; both ways take turns, so that whatever else the machine does meets both. Prints a row
of a table. Two processes need two idle cores: where there are none, the processor time of the
busier one says what the work is divided by.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.algorithms.zo import ZO
from zowarmup.data import federation
from zowarmup.data.datasets import Dataset
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import launch, loop, world
from zowarmup.simulation.ranks import ALONE, Ranks

CLIENTS, IMAGES = 8, 16  # of which two are held out
REPEATS = 11
PHASE = {"algorithm": "zo", "clients": "all", "participation": 1.0}
SPEC = {
    "model": "resnet8",
    "width": 1.0,
    "split": None,
    "engine": {"name": "plain", "device": "cpu", "threads": 1, "micro_batch": 64, "options": {}},
}


def main() -> None:
    found = scaling()
    ratios = [f"{m:.2f} [{low:.2f}, {high:.2f}]" for low, m, high in map(quartiles, found.values())]
    print("| round | speed-up by 2 processes | of processor time | n |")
    print("|---|---|---|---|")
    print(f"| two-point, resnet8, {CLIENTS} clients x 3 | {' | '.join(ratios)} | {REPEATS} |")


def scaling() -> dict[str, Any]:
    """How many times faster two processes are, of each repeat: by wall and by processor time."""
    from benchmarks import scaling as here  # by a name that the workers can import

    with tempfile.TemporaryDirectory() as folder:
        launch.run(2, here.measure, Path(folder, "found.json"))
        found: dict[str, Any] = json.loads(Path(folder, "found.json").read_text())
    return found


def measure(output: str, ranks: Ranks) -> None:
    """What `scaling` returns, written by the first of the processes that run this."""
    data = images()
    dealt = federation.build(data, clients=CLIENTS, alpha="infinite", holdout=0.1, seed=0)
    own, common = (world.assemble(SPEC, data, dealt, among) for among in (ALONE, ranks))
    ratios = []
    for t in range(REPEATS + 1):
        alone = seconds(own, t) if ranks.first else torch.zeros(1, 2)
        ranks.wait()
        both = ranks.gather(seconds(common, t), ranks.size)
        ratios.append((alone[0] / both.max(dim=0).values).tolist())
    if ranks.first:
        found = dict(zip(("wall", "processor"), zip(*ratios[1:], strict=True), strict=True))
        Path(output).write_text(json.dumps(found))  # without the first repeat, which warms up


def seconds(here: world.World, t: int) -> Tensor:
    """Of one round from the same weights, on the wall and of the processor, (1, 2)."""
    state, seeds = State(here.model.initial(0)), Seeds(0, 0, 0)
    cohort = loop.cohort(here, PHASE, t, seeds)
    start = time.perf_counter(), time.process_time()
    ZO(lr=0.01).round(state, t, cohort, here.engine, seeds)
    end = time.perf_counter(), time.process_time()
    return torch.tensor([end], dtype=torch.float64) - torch.tensor([start], dtype=torch.float64)


def images() -> Dataset:
    draws = np.random.Generator(np.random.PCG64(0))
    x = draws.integers(0, 256, (CLIENTS * IMAGES, 3, 32, 32), dtype=np.uint8)
    y = np.arange(len(x)) % 10
    half = np.full(3, 0.5, dtype=np.float32)
    return Dataset("random", x, y, x[:10], y[:10], half, half, 255.0)


def quartiles(values: list[float]) -> list[float]:
    return statistics.quantiles(values, n=4)


if __name__ == "__main__":
    main()
