"""The time of a zeroth-order round by clients K, directions S and parameters d: straight lines.

Images of the size of digits, engine batched, one thread. A slope comes from the medians of all
sizes, which take turns; R2 says how straight the line is.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.recorded import as_recorded
from benchmarks.timing import Row, quartiles, turns
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.training import context

IMAGES, REPEATS = 28, 9
BASE: dict[str, Any] = {"K": 40, "S": 3, "width": 1.0}
SIZES = {"K": (10, 20, 40, 80, 160), "S": (1, 2, 3, 6, 12), "width": (1.0, 2.0, 4.0, 8.0)}
UNITS = {"K": "client", "S": "direction", "width": "1000 parameters"}


def directional_derivatives(tiny: bool) -> list[Row]:
    """Measure the milliseconds of a round for one more client, direction or 1000 parameters."""
    networks = ("mlp",) if tiny else ("mlp", "cnn")
    return [slope(network, of, tiny) for network in networks for of in SIZES]


def slope(network: str, of: str, tiny: bool) -> Row:
    """Measure the slope of one network by K, S or width."""
    sizes = SIZES[of][:3] if tiny else SIZES[of]
    rounds = [round_of(network, **{**BASE, of: size}) for size in sizes]
    x = [
        d / 1000 if of == "width" else float(size)
        for size, (d, _) in zip(sizes, rounds, strict=True)
    ]
    sides = {str(size): run for size, (_, run) in zip(sizes, rounds, strict=True)}
    repeats = 2 if tiny else REPEATS
    times = list(turns(sides, repeats, 1 if tiny else 3).values())
    per_unit, intercept, R2 = fit(x, [statistics.median(ms) for ms in times])
    each = [fit(x, ms)[0] for ms in zip(*times, strict=True)]
    what = f"two-point round, {network}: ms for one more {UNITS[of]} (R2 {R2:.4f})"
    more = {"R2": R2, "intercept_ms": intercept, "x": x}
    more["ms"] = [statistics.median(ms) for ms in times]
    name = f"{network} {'d' if of == 'width' else of}"
    return Row(name, what, per_unit, quartiles(each), repeats, None, more)


def round_of(network: str, K: int, S: int, width: float) -> tuple[int, Callable[[int], Tensor]]:
    """Return the number of parameters, and a round as a function of t."""
    model = context.model(network, (1, 8, 8), 10, width)
    x = torch.linspace(-2, 2, IMAGES * 64).view(IMAGES, 1, 8, 8)
    data = [(x.roll(k, 0), torch.arange(k, k + IMAGES) % 10) for k in range(K)]
    engine, w = Batched(model, as_recorded(data), micro_batch=64), model.initial(0)
    cohort, method = Cohort(tuple(range(K)), (IMAGES,) * K), ZO(lr=1e-3, S=S)
    return model.d, lambda t: method.round(State(w), t, cohort, engine, Seeds(0, 0, 0))[0].w


def fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Return slope and intercept of the least-squares line, and its share of the variance."""
    line = statistics.linear_regression(x, y)
    return line.slope, line.intercept, statistics.correlation(x, y) ** 2
