"""ResNet-8 at 16 x 16 pixels in bfloat16 on one thread: rounds beside their passes alone.

A bare pass is an ordinary PyTorch module, its loss and its gradient, on batches that are ready. It
draws no order or direction and changes no weight. Times are the CPU time of the thread.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.recorded import as_recorded
from benchmarks.timing import Row, quartiles, summary, turns
from zowarmup.algorithms.fedavg import FedAvg
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.engines.plain import Plain
from zowarmup.training import context

IMAGES, REPEATS, GOAL = 900, 7, 1.05  # the images of a client that has a fiftieth of CIFAR-10
DIRECTIONAL = ZO(lr=1e-3, S=3, estimator="directional")
SGD = FedAvg(lr=0.1, epochs=1, batch=64)
METHODS = {"directional round": (DIRECTIONAL, 90), "local SGD": (SGD, SGD.batch)}  # and batches
Batches = Sequence[tuple[Tensor, Tensor]]


def against_bare(tiny: bool) -> list[Row]:
    """Measure a round divided by its bare passes, as a ratio of medians."""
    return [compare(what, method, batch, tiny) for what, (method, batch) in METHODS.items()]


def compare(what: str, method: ZO | FedAvg, batch: int, tiny: bool) -> Row:
    """Time the rounds of one method and its bare passes in turns."""
    repeats = 2 if tiny else REPEATS
    times = turns(sides(method, batch, tiny), repeats, clock=time.process_time)
    ratio = statistics.median(times["ours"]) / statistics.median(times["bare"])
    ratios = [a / b for a, b in zip(times["ours"], times["bare"], strict=True)]
    more = summary("ours", times["ours"]) | summary("bare", times["bare"])
    said = f"{what}, ResNet-8 at 16 px, bfloat16: round / bare passes"
    return Row(what, said, ratio, quartiles(ratios), repeats, GOAL, more)


def sides(method: ZO | FedAvg, batch: int, tiny: bool) -> dict[str, Callable[[int], object]]:
    """Return a round of one client, and the bare passes over the same images."""
    n = 8 if tiny else IMAGES
    x, y = torch.linspace(-2, 2, n * 3 * 256).view(n, 3, 16, 16), torch.arange(n) % 10
    model = context.model("resnet_tiny" if tiny else "resnet8", (3, 16, 16), 10)
    engine = Plain(model, as_recorded([(x, y)]), micro_batch=batch, precision="bfloat16")
    w, cohort = model.initial(0), Cohort((0,), (n,))
    batches = list(zip(x.split(batch), y.split(batch), strict=True))
    return {
        "bare": partial(bare, model.module(w), batches),
        "ours": lambda t: method.round(State(w), t, cohort, engine, Seeds(0, 0, 0)),
    }


def bare(network: nn.Module, batches: Batches, t: int) -> None:
    """Compute the gradient of every batch, and drop it."""
    for x, y in batches:
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(x)
        torch.autograd.grad(cross_entropy(logits.float(), y), list(network.parameters()))
