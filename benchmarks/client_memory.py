"""The memory of a real client in each role, and whether it works under a hard limit.

    .venv-flower/bin/python -m benchmarks.client_memory [--model resnet18] [--images 16 32 64]

Each measurement is a process of its own, which first imports all that Flower's client process
imports. It prints the resident memory then, the baseline; the growth while the client works; and
the formula of zowarmup/models/memory.py. Then both roles work again on the most images, under a
limit on the process's data (RLIMIT_DATA) halfway between both growths: backpropagation must fail
there. With --output, a table and a figure are written as well.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

SHAPE, CLASSES, MICRO_BATCH, EPS = (3, 32, 32), 10, 16, 1e-3
MEGA = 1e6
ROLES = ("high", "low")
Row = dict[str, Any]


def work(role: str, model: str, images: int, folder: Path) -> tuple[Callable[[], object], int]:
    """The work of a client in a role, and the formula of its memory in bytes."""
    from zowarmup.algorithms.rounds import State
    from zowarmup.config.phase_settings import PHASES
    from zowarmup.flower import client, node_data
    from zowarmup.flower.job import Job
    from zowarmup.flower.settings import NodeSettings
    from zowarmup.flower.work import Work
    from zowarmup.models import memory

    assert client
    engine = {"name": "layerwise", "device": "cpu", "threads": 1, "micro_batch": MICRO_BATCH}
    engine |= {"precision": "float32", "channels_last": False, "options": {}}
    warm = {"algorithm": "fedavg", "clients": "high", "rounds": 1, "lr": 0.1, "epochs": 1}
    zo = {"algorithm": "zo", "clients": "all", "rounds": 1, "lr": 0.1, "S": 1, "eps": EPS}
    phases = [PHASES[str(p["algorithm"])](**p).model_dump() for p in (warm | {"batch": images}, zo)]
    spec = {"phases": phases, "dataset": "images", "federation": "f", "split": "50/50"}
    spec |= {"model": model, "width": 1.0, "engine": engine, "pin": {}, "warmup": "w"}
    spec |= {"evaluate_every": 1, "snapshot_every": 1}
    draws = dict.fromkeys(("federation", "initialisation", "directions"), 0)
    job = Job.model_validate_json(json.dumps({"spec": spec, "seed": 0, "draws": draws}))
    own = {"partition-id": 0, "folder": str(folder), "data": str(folder / "x"), "tier": role}
    x = np.random.default_rng(0).integers(0, 256, (images, *SHAPE), dtype=np.uint8)
    half = np.full(SHAPE[0], 0.5, np.float32)
    labels = np.arange(images) % CLASSES
    data = node_data.NodeData(
        node_data.dataset("images", x, labels, half, half, 255.0), CLASSES, None
    )
    ready = Work(job, NodeSettings.of(own, "node"), data)
    w = ready.model.initial(0)
    if role == "high":
        formula = memory.backprop(ready.model, SHAPE, images)
        return lambda: ready.local_model(w, 1), formula
    formula = memory.zeroth_order(ready.model, SHAPE, MICRO_BATCH)
    return lambda: ready.answer(State(w), 2), formula


def child(role: str, model: str, images: int, limit: int) -> None:
    """Print the measurements of one process as JSON; with a limit, whether the work ended."""
    import flwr.clientapp

    from zowarmup.jobs.memory import resident_growth

    assert flwr.clientapp
    with tempfile.TemporaryDirectory() as folder:
        own, formula = work(role, model, images, Path(folder))
        baseline, ended = status("VmRSS"), True
        if limit:
            most = status("VmData") + limit
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        try:
            grown = resident_growth(own)
        except (RuntimeError, MemoryError):
            grown, ended = None, False
    print(json.dumps({"baseline": baseline, "grown": grown, "formula": formula, "ended": ended}))


def status(key: str) -> int:
    """A size of this process in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (text,) = [line for line in lines if line.startswith(f"{key}:")]
    return 1024 * int(text.split()[1])


def measured(role: str, model: str, images: int, limit: int = 0) -> dict[str, int]:
    """The measurements of a process of its own."""
    words = ["-W", "ignore", "-m", "benchmarks.client_memory", "--role", role, "--model", model]
    words += ["--images", str(images), "--limit", str(limit)]
    out = subprocess.run([sys.executable, *words], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, int] = json.loads(out.stdout.splitlines()[-1])
    return result


def table(model: str, sizes: Sequence[int]) -> list[Row]:
    """A row for each role and number of images."""
    return [
        {"role": role, "images": images, **measured(role, model, images)}
        for images in sizes
        for role in ROLES
    ]


def main() -> None:
    """Print one line for each measurement, then the limit and who worked under it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--images", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--output", type=Path, help="folder for client_memory.csv and .png")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--limit", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    most = max(given.images)
    if given.role:
        child(given.role, given.model, most, given.limit)
        return
    print(f"{given.model}, images of {SHAPE}, micro-batch {MICRO_BATCH}; MB")
    rows = table(given.model, given.images)
    for row in rows:
        line = "  ".join(f"{k} {row[k] / MEGA:.0f}" for k in ("baseline", "grown", "formula"))
        print(f"{row['role']:5} {row['images']:4} images  {line}")
    limit = sum(row["grown"] for row in rows if row["images"] == most) // 2
    print(f"{most} images under a limit of {limit / MEGA:.0f} MB beyond the baseline:")
    for role in ROLES:
        ended = measured(role, given.model, most, limit)["ended"]
        print(f"{role:5} {'completes' if ended else 'fails'}")
    if given.output:
        from benchmarks import client_memory_figure  # a client imports nothing that draws

        client_memory_figure.write(given.output, rows, limit)


if __name__ == "__main__":
    main()
