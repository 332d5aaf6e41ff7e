"""Time a round of the batched engine against plain PyTorch: `python -m benchmarks.bench`.

scikit-learn's digits, 50 clients of 28 images, one thread, evaluation left out. Both sides run in
turns in one process on the same data, so that whatever else the machine does meets both. Prints a
table and leaves results/bench.json. The goals are ratios, because milliseconds do not travel.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from benchmarks import plain
from zowarmup.algorithms.fedavg import FedAvg
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.models.cnn import cnn
from zowarmup.models.flat import FlatModel
from zowarmup.models.mlp import mlp
from zowarmup.settings.files import atomic_write_text
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation.engines.batched import Batched
from zowarmup.simulation.images import Images, Scaling, whole

CLIENTS, IMAGES = 50, 28
REPEATS = 20
RESULTS = "results/bench.json"
Round = Callable[[int], Tensor]


@dataclass(frozen=True)
class Workload:
    """One comparison.

    Attributes:
        clients: how many of the clients take part.
        goal: the largest ratio ours / plain that we accept.
        rounds: timed together, so that a repeat takes some tenths of a second.
    """

    name: str
    what: str
    network: Callable[..., nn.Module]
    method: FedAvg | ZO
    clients: int
    goal: float
    rounds: int


FEDAVG = FedAvg(lr=0.1, epochs=1, batch=16, weight_decay=0.0, server_lr=1.0)
TWO_POINT = ZO(
    lr=0.01,
    S=3,
    eps=1e-4,
    tau=0.75,
    distribution="rademacher",
    scaling="paper",
    estimator="two_point",
    shared_directions=False,
)
WORKLOADS = [
    Workload("W1", "FedAvg, MLP, 10 clients, batch 16", mlp, FEDAVG, 10, 0.22, 50),
    Workload("W2", "two-point, MLP, 50 clients x 3", mlp, TWO_POINT, 50, 0.25, 15),
    Workload("W2b", "two-point, CNN, 50 clients x 3", cnn, TWO_POINT, 50, 0.22, 5),
]


def main() -> None:
    torch.set_num_threads(1)
    clients = federation()
    results: dict[str, Any] = {}
    for work in WORKLOADS:
        results[work.name] = found = compare(work, sides(work, clients))
        print(line(work, found), flush=True)
    results |= {"hardware": hardware(), "versions": versions(), "threads": torch.get_num_threads()}
    atomic_write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    print(RESULTS)


def federation() -> list[tuple[Tensor, Tensor]]:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8)
    x, y = (x - x.mean()) / x.std(), torch.tensor(labels)
    return list(zip(x.split(IMAGES), y.split(IMAGES), strict=True))[:CLIENTS]


def as_recorded(clients: Sequence[tuple[Tensor, Tensor]]) -> list[Images]:
    """The images for our side, which normalises them itself; these are normalised already."""
    x, y = (torch.cat(part) for part in zip(*clients, strict=True))
    zero, one = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    return whole(x, y, Scaling(one[0, 0, 0], zero, one)).split(IMAGES)


def sides(work: Workload, clients: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Round]:
    """A round of both sides as functions of t; every round starts from the same weights."""
    with torch.device("meta"):
        model = FlatModel(work.network((1, 8, 8), 10))
    w, some = model.initial(0), clients[: work.clients]
    engine = Batched(model, as_recorded(clients), micro_batch=64)
    cohort = Cohort(tuple(range(work.clients)), tuple(len(y) for _, y in some))

    forward, shapes = plain.NETWORKS[work.network.__name__]
    x = clients[0][0]
    torch.testing.assert_close(forward(plain.views(w, shapes), x), model.logits(w, x))
    same = (w, some, forward, shapes, torch.Generator().manual_seed(0))
    method = work.method
    if isinstance(method, FedAvg):
        old = partial(plain.fedavg_round, *same, lr=method.lr, batch=method.batch)
    else:
        old = partial(plain.zo_round, *same, method.lr, method.S, method.eps, method.tau)
    return {
        "plain": lambda t: old(),
        "ours": lambda t: method.round(State(w), t, cohort, engine, Seeds(0, 0, 0))[0].w,
    }


def compare(work: Workload, sides: dict[str, Round]) -> dict[str, Any]:
    """Both sides in turns, `work.rounds` at a time; milliseconds of one round."""
    times: dict[str, list[float]] = {side: [] for side in sides}
    for repeat in range(REPEATS + 1):
        for side, run in sides.items():
            start = time.perf_counter()
            for t in range(work.rounds):
                run(repeat * work.rounds + t)
            times[side].append(1e3 * (time.perf_counter() - start) / work.rounds)
    kept = {side: found[1:] for side, found in times.items()}  # the first warmed up
    median = {side: statistics.median(found) for side, found in kept.items()}
    return {
        "what": work.what,
        "n": REPEATS,
        "rounds_per_repeat": work.rounds,
        "ratio": median["ours"] / median["plain"],
        "goal": work.goal,
        **{f"{side}_ms": median[side] for side in sides},
        **{f"{side}_ms_quartiles": quartiles(kept[side]) for side in sides},
    }


def quartiles(values: list[float]) -> list[float]:
    return statistics.quantiles(values, n=4)[::2]


def line(work: Workload, found: dict[str, Any]) -> str:
    times = [
        "{} {:7.2f} ms [{:.2f}, {:.2f}]".format(
            side, found[f"{side}_ms"], *found[f"{side}_ms_quartiles"]
        )
        for side in ("plain", "ours")
    ]
    verdict = "met" if found["ratio"] <= work.goal else "missed"
    ratio = f"ratio {found['ratio']:.3f} (goal {work.goal} {verdict}), n {found['n']}"
    return "  ".join([f"{work.name:4}", f"{work.what:34}", *times, ratio])


def hardware() -> dict[str, Any]:
    return {
        "processor": processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
    }


def processor() -> str:
    """The processor's name; Linux tells it in a file only."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    names = [row.split(":")[1].strip() for row in text.splitlines() if row.startswith("model name")]
    return names[0] if names else platform.processor()


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), "torch": torch.__version__}


if __name__ == "__main__":
    main()
