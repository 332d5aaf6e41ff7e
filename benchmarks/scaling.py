"""The time of a round by two processes against one process.

Zeroth-order rounds (two-point, S = 3) of a ResNet on random images of the size of CIFAR-10's, by 8
clients with 14 images each, engine plain, one thread per process. The second process waits while
the first one works alone; both ways take turns, so that other work on the machine slows both. Two
processes need two idle cores; without them, compare the processor time of the busier process.
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
from zowarmup.data.dataset_file import Dataset
from zowarmup.plan.specs import Phase
from zowarmup.runtime import launch
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.training import context, loop, phases

CLIENTS, IMAGES = 8, 16  # of which two are held out
REPEATS = 11
PHASE = {"algorithm": "zo", "clients": "all", "rounds": 100, "lr": 0.01, "participation": 1.0}


def processes(tiny: bool) -> list[Row]:
    """Measure the time of a round by two processes over that by one; the best is one half."""
    speedups = measured(tiny)
    ratios = {name: [1 / speedup for speedup in each] for name, each in speedups.items()}
    what = f"two-point round, resnet8, {CLIENTS} clients: 2 processes / 1, by "
    clocks = {"wall": "the clock", "processor": "processor time"}
    return [
        Row(name, what + clock, median(ratios[name]), quartiles(ratios[name]), len(ratios[name]))
        for name, clock in clocks.items()
    ]


def measured(tiny: bool) -> dict[str, Any]:
    """Return the speedup by two processes in each repeat: by wall and by processor time."""
    from benchmarks import scaling  # the workers import the function by this name

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "speedups.json")
        launch.run(2, scaling.measure, file, 2 if tiny else REPEATS)
        speedups: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return speedups


def measure(output: str, repeats: int, group: ProcessGroup) -> None:
    """Measure the speedups; the first of the processes that run this writes them to a file."""
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
        timed = zip(*ratios[1:], strict=True)  # without the first repeat, which warms up
        speedups = dict(zip(("wall", "processor"), timed, strict=True))
        Path(output).write_text(json.dumps(speedups), encoding="utf-8")


def seconds(job: context.Context, t: int) -> Tensor:
    """Return wall and processor seconds of one round from the same weights, (1, 2)."""
    state, seeds = State(job.model.initial(0)), Seeds(0, 0, 0)
    (phase,) = phases.prepare(job, [Phase.read(PHASE)])
    cohort = loop.cohort(job, phase, t, seeds)
    start = time.perf_counter(), time.process_time()
    phase.algorithm.round(state, t, cohort, job.engine, seeds)
    end = time.perf_counter(), time.process_time()
    return torch.tensor([end], dtype=torch.float64) - torch.tensor([start], dtype=torch.float64)


def images() -> Dataset:
    draws = np.random.Generator(np.random.PCG64(0))
    x = draws.integers(0, 256, (CLIENTS * IMAGES, 3, 32, 32), dtype=np.uint8)
    y = np.arange(len(x)) % 10
    half = np.full(3, 0.5, dtype=np.float32)
    return Dataset("random", x, y, x[:10], y[:10], half, half, 255.0)
