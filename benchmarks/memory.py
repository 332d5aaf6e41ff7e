"""The peak memory of a whole process, for few and for many clients that share the same images.

The process deals 50,000 random images of 3 x 32 x 32 to 10 or to 10,000 clients and trains two
rounds. The result is the peak of its resident set; nothing is subtracted.

    python -m benchmarks.memory ENGINE METHOD CLIENTS IMAGES      prints the bytes
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.job_spec import job_spec
from benchmarks.timing import Row
from zowarmup.common.seeds import Seeds
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.plan.specs import Phase
from zowarmup.training import context, loop, phases
from zowarmup.training.costs import Costs

FEW, MANY, IMAGES = 10, 10_000, 50_000
GOAL = 1.05
COHORT = 5  # clients in a round of FedAvg; all clients take part in a zeroth-order round
METHODS: dict[str, dict[str, Any]] = {
    "zo": {"algorithm": "zo", "lr": 1e-3, "S": 3, "catch_up_limit": 20_000},
    "fedavg": {"algorithm": "fedavg", "lr": 0.1, "epochs": 1, "batch": 64},
}


def growth(tiny: bool) -> list[Row]:
    """Measure the peak with many clients divided by the peak with few."""
    engines = ("batched",) if tiny else ("batched", "plain")
    return [of(engine, method, tiny) for engine in engines for method in METHODS]


def of(engine: str, method: str, tiny: bool) -> Row:
    """Measure one engine and method, each number of clients in a new process."""
    many, images = (100, 1000) if tiny else (MANY, IMAGES)
    peaks = {K: peak(engine, method, K, images) for K in (FEW, many)}
    ratio = peaks[many] / peaks[FEW]
    more = {
        "peak_bytes": {str(K): size for K, size in peaks.items()},
        "bytes_per_client": (peaks[many] - peaks[FEW]) / (many - FEW),
    }
    what = f"peak memory, {method}, {engine}: {many:,} clients / {FEW}"
    return Row(f"{method} {engine}", what, ratio, (ratio, ratio), 1, GOAL, more)


def peak(engine: str, method: str, clients: int, images: int) -> int:
    """Return the peak bytes of a new process."""
    arguments = [engine, method, str(clients), str(images)]
    call = [sys.executable, "-m", "benchmarks.memory", *arguments]
    return int(subprocess.run(call, stdout=subprocess.PIPE, check=True).stdout)


def main(engine: str, method: str, clients: int, images: int) -> None:
    """Train two rounds, then print the largest resident set of this process."""
    job = context.assemble(job_spec("mlp", engine), *images_of(clients, images))
    share = COHORT / clients if method == "fedavg" else 1.0
    settings = {"clients": "all", "rounds": 2, "participation": share, **METHODS[method]}
    (phase,) = phases.prepare(job, [Phase.read(settings)])
    begin = loop.begin(job, phase, job.model.initial(0), Costs())
    for _ in loop.run(job, phase, begin, Seeds(0, 0, 0)):
        pass
    print(largest())


def largest() -> int:
    """Return the bytes of the largest resident set so far, on Linux.

    `resource.getrusage` would include the parent: until a new process loads its program, it is as
    large as the process that started it.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    [peak] = [line.split() for line in lines if line.startswith("VmHWM")]
    return 1024 * int(peak[1])


def images_of(clients: int, images: int) -> tuple[Dataset, Federation]:
    """Return random images, and clients that share them evenly in order."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (images, 3, 32, 32), dtype=np.uint8)
    y = np.arange(images) % 10
    half = np.full(3, 0.5, dtype=np.float32)
    data = Dataset("random", x, y, x[:100], y[:100], half, half, 255.0)
    parts = tuple(np.array_split(np.arange(images), clients))
    nothing, counts = tuple(part[:0] for part in parts), np.zeros((clients, 10), dtype=int)
    order = tuple(range(clients))
    dealt = {"train": parts, "heldout": nothing, "label_counts": counts, "budgets": None}
    draws = {"dataset_sha256": "", "alpha": 1.0, "holdout": 0.0, "seed": 0, "order": order}
    return data, Federation.model_validate(dealt | draws)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
