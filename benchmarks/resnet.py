"""ResNet18 at the paper's size on one thread: the cost of a step beside its forward passes.

Times are the CPU time of one thread; on an otherwise idle machine this is the elapsed time.
"""

import itertools
import statistics
import time
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.recorded import as_recorded
from benchmarks.timing import Row, quartiles, summary, turns
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.engines.images import Images
from zowarmup.engines.plain import Logits, Plain
from zowarmup.training import context

IMAGES, REPEATS = 64, 15
PEAK_SIZES = (1024, 2048, 3072)  # of square matrices; smaller ones stay below the peak
GOAL = 0.05


class Timed(Plain):
    """Engine plain that adds up the milliseconds of its forward passes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.forwards = [0.0]  # shared with copies of this engine

    def mean_loss(self, logits: Logits, images: Images) -> float:
        start = time.process_time()
        loss = super().mean_loss(logits, images)
        self.forwards[0] += 1e3 * (time.process_time() - start)
        return loss


def engine(tiny: bool) -> Timed:
    """Return an engine with one client of 64 images."""
    model = context.model("resnet_tiny" if tiny else "resnet18", (3, 32, 32), 10)
    n = 2 if tiny else IMAGES
    x = torch.linspace(-2, 2, n * 3 * 32 * 32).view(n, 3, 32, 32)
    return Timed(model, as_recorded([(x, torch.arange(n) % 10)]), micro_batch=IMAGES)


def overhead(tiny: bool) -> list[Row]:
    """Measure a two-point round of one client and one direction without its two forward passes."""
    one, method, repeats = engine(tiny), ZO(lr=1e-3, S=1), 2 if tiny else REPEATS
    w, n = one.model.initial(0), len(one.data[0])
    cohort, seen = Cohort((0,), (n,)), [0.0]

    def step(t: int) -> None:
        method.round(State(w), t, cohort, one, Seeds(0, 0, 0))
        seen.append(one.forwards[0])

    ours = turns({"ours": step}, repeats, clock=time.process_time)["ours"]
    forwards = [b - a for a, b in itertools.pairwise(seen)][1:]
    shares = [a / b - 1 for a, b in zip(ours, forwards, strict=True)]
    what = f"two-point step, ResNet18, {n} images, d = {one.d:,}: beside its 2 forwards"
    more = {"d": one.d, **summary("forwards", forwards), **summary("ours", ours)}
    return [Row("W3", what, statistics.median(shares), quartiles(shares), repeats, GOAL, more)]


def product(a: Tensor, out: Tensor, t: int) -> Tensor:
    return torch.mm(a, a, out=out)


def share_of_peak(tiny: bool) -> list[Row]:
    """Measure the FLOP/s of a forward pass divided by those of the fastest matrix product."""
    one = engine(tiny)
    w, x = one.model.initial(0), one.data[0].x()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        one.model.logits(w, x)
    flops = {"forward": float(counter.get_total_flops())}
    sides = {"forward": torch.inference_mode()(lambda t: one.model.logits(w, x))}
    for size in (64,) if tiny else PEAK_SIZES:
        a, out = torch.ones(size, size), torch.empty(size, size)
        flops[f"mm {size}"] = 2.0 * size**3
        sides[f"mm {size}"] = partial(product, a, out)
    repeats = 2 if tiny else REPEATS
    times = turns(sides, repeats, clock=time.process_time)
    rates = {side: [flops[side] / 1e6 / one_ms for one_ms in ms] for side, ms in times.items()}
    peak = max(statistics.median(rates[side]) for side in sides if side != "forward")
    shares = [rate / peak for rate in rates["forward"]]
    gigaflops = {side: statistics.median(rate) for side, rate in rates.items()}
    more = {"gflop_per_s": gigaflops, "gflop": flops["forward"] / 1e9}
    what = f"forward pass, ResNet18, {len(x)} images: FLOP/s / those of torch.mm"
    return [Row("forward", what, statistics.median(shares), quartiles(shares), repeats, None, more)]
