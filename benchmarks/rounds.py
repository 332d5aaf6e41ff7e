"""The time of a round of the batched engine against plain PyTorch.

scikit-learn's digits, 50 clients of 28 images, one thread, evaluation left out.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks import plain
from benchmarks.recorded import as_recorded
from benchmarks.timing import Row, quartiles, summary, turns
from zowarmup.algorithms.fedavg import FedAvg
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.models.cnn import cnn
from zowarmup.models.flat import FlatModel
from zowarmup.models.mlp import mlp

CLIENTS, IMAGES = 50, 28
REPEATS = 20
Round = Callable[[int], Tensor]
Data = Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Workload:
    """One comparison.

    Attributes:
        clients: number of the clients that take part.
        goal: the largest accepted ratio ours / plain.
        rounds: number of rounds timed together, so that a repeat takes some tenths of a second.
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


def against_plain(tiny: bool) -> list[Row]:
    """Measure ours / plain, as a ratio of medians."""
    clients = federation()
    repeats = 1 if tiny else REPEATS
    return [compare(work, sides(work, clients), repeats) for work in WORKLOADS]


def federation() -> Data:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    x = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8)
    x, y = (x - x.mean()) / x.std(), torch.tensor(labels)
    return list(zip(x.split(IMAGES), y.split(IMAGES), strict=True))[:CLIENTS]


def sides(work: Workload, clients: Data) -> dict[str, Round]:
    """Return a round of both sides as functions of t; every round starts from the same weights."""
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


def compare(work: Workload, sides: dict[str, Round], repeats: int) -> Row:
    """Time both sides in turns, `work.rounds` rounds at a time."""
    times = turns(sides, repeats, work.rounds if repeats > 1 else 1)
    ratio = statistics.median(times["ours"]) / statistics.median(times["plain"])
    ratios = [a / b for a, b in zip(times["ours"], times["plain"], strict=True)]
    more = {"what": work.what, "ratio": ratio, "rounds_per_repeat": work.rounds}
    for side in sides:
        more |= summary(side, times[side])
    what = f"{work.what}: batched / plain PyTorch"
    return Row(work.name, what, ratio, quartiles(ratios), repeats, work.goal, more)
