"""A round by two processes against one alone.

Zeroth-order rounds (two-point, S = 3) of a ResNet on random images of the size of CIFAR's, by 8
clients of 14, engine plain, one thread a process. The second process waits while the first one
works alone; both ways take turns, so that whatever else the machine does meets both. Two processes
need two idle cores: where there are none, the processor time of the busier one says what the work
is divided by.
"""

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.job_spec import job_spec
from benchmarks.timing import Row, quartiles
from zowarmup.algorithms.rounds import State
from zowarmup.common.seeds import Seeds
from zowarmup.data import federation
from zowarmup.data.datasets import Dataset
from zowarmup.plan.specs import Phase
from zowarmup.runtime import launch
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.training import context, loop, phases

CLIENTS, IMAGES = 8, 16  # of which two are held out
REPEATS = 11
PHASE = {"algorithm": "zo", "clients": "all", "rounds": 100, "lr": 0.01, "participation": 1.0}


def processes(tiny: bool) -> list[Row]:
    """Time of a round by two processes over that by one; half would be all that there is."""
    ratios = {name: [1 / ratio for ratio in found] for name, found in measured(tiny).items()}
    what = f"two-point round, resnet8, {CLIENTS} clients: 2 processes / 1, by "
    clocks = {"wall": "the clock", "processor": "processor time"}
    return [
        Row(name, what + clock, median(ratios[name]), quartiles(ratios[name]), len(ratios[name]))
        for name, clock in clocks.items()
    ]


def measured(tiny: bool) -> dict[str, Any]:
    """How many times faster two processes are, of each repeat: by wall and by processor time."""
    from benchmarks import scaling as here  # by a name that the workers can import

    with tempfile.TemporaryDirectory() as folder:
        launch.run(2, here.measure, Path(folder, "found.json"), 2 if tiny else REPEATS)
        found: dict[str, Any] = json.loads(Path(folder, "found.json").read_text(encoding="utf-8"))
    return found


def measure(output: str, repeats: int, group: ProcessGroup) -> None:
    """What `measured` returns, written by the first of the processes that run this."""
    data = images()
    dealt = federation.build(data, clients=CLIENTS, alpha="infinite", holdout=0.1, seed=0)
    spec = job_spec("resnet8", "plain")
    own, common = (context.assemble(spec, data, dealt, among) for among in (ALONE, group))
    ratios = []
    for t in range(repeats + 1):
        alone = seconds(own, t) if group.first else torch.zeros(1, 2)
        group.wait()
        both = group.gather(seconds(common, t), group.size)
        ratios.append((alone[0] / both.max(dim=0).values).tolist())
    if group.first:
        found = dict(zip(("wall", "processor"), zip(*ratios[1:], strict=True), strict=True))
        Path(output).write_text(
            json.dumps(found), encoding="utf-8"
        )  # without the first repeat, which warms up


def seconds(ready: context.Context, t: int) -> Tensor:
    """Of one round from the same weights, on the wall and of the processor, (1, 2)."""
    (phase,) = phases.prepare(ready, [Phase.read(PHASE)])
    state, seeds = State(ready.model.initial(0)), Seeds(0, 0, 0)
    cohort = loop.cohort(ready, phase, t, seeds)
    start = time.perf_counter(), time.process_time()
    phase.algorithm.round(state, t, cohort, ready.engine, seeds)
    end = time.perf_counter(), time.process_time()
    return torch.tensor([end], dtype=torch.float64) - torch.tensor([start], dtype=torch.float64)


def images() -> Dataset:
    draws = np.random.Generator(np.random.PCG64(0))
    x = draws.integers(0, 256, (CLIENTS * IMAGES, 3, 32, 32), dtype=np.uint8)
    y = np.arange(len(x)) % 10
    half = np.full(3, 0.5, dtype=np.float32)
    return Dataset("random", x, y, x[:10], y[:10], half, half, 255.0)
