"""The loss that one zeroth-order round gains, measured by trial steps; forward passes alone.

    g_m     the estimate of a round, m = 1..M, each along directions of its own
    G_k     mean over m of L(w) - L(w - lr_k g_m), with lr_k = MULTIPLES[k] lr

L is the mean loss of the round's clients. A client sends the S scalars of each estimate, rebuilds
the step from everybody's scalars, and sends its loss after each length of the step.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.common.seeds import Seeds, key
from zowarmup.models.directions import Directions

MULTIPLES = (1, 3, 10, 30, 100)  # of the rate that is given
FLOAT = 4  # bytes


class Step(Protocol):
    """A zeroth-order phase at one rate."""

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Run round t; see algorithms.rounds."""
        ...


@dataclass(frozen=True)
class Gain:
    """The largest gain of a round, -inf if no step gives a number, and its multiple of the rate."""

    gain: float
    multiple: int


def measure(
    methods: Mapping[str, Step],
    w: Tensor,
    t: int,
    cohort: Cohort,
    engine: Engine,
    seeds: Seeds,
    M: int,
) -> dict[str, Gain]:
    """Measure the largest gain of a round at w by each method.

    Args:
        t: names the directions, together with the seeds.
        M: the number of estimates.
    """
    before = _loss(engine, cohort, w)
    every = {}
    for name, method in methods.items():
        gains = torch.zeros(len(MULTIPLES), dtype=torch.float64)
        for m in range(M):
            own = replace(seeds, directions=key("trial steps", seeds.directions, m))
            step = method.round(State(w), t, cohort, engine, own)[0].w - w
            after = [_loss(engine, cohort, w + multiple * step) for multiple in MULTIPLES]
            gains += before - torch.tensor(after, dtype=torch.float64)
        gains[~gains.isfinite()] = -math.inf  # a step that diverges, or a model that has
        best = int(gains.argmax())
        every[name] = Gain(gains[best].item() / M, MULTIPLES[best])
    return every


def losses(engine: Engine, clients: Sequence[int], w: Tensor) -> Tensor:
    """Each client's mean loss at w, (A,) float64, in the same batches as two-point losses."""
    keys = torch.zeros(len(clients), dtype=torch.int64, device=w.device)
    nowhere = Directions(keys, len(w), "rademacher")
    return engine.two_point(w, clients, nowhere, 0.0)[:, 0, 0]


def _loss(engine: Engine, cohort: Cohort, w: Tensor) -> float:
    p = torch.tensor(cohort.shares(), dtype=torch.float64, device=w.device)
    return (p @ losses(engine, cohort.clients, w)).item()


def with_trials(report: Report, cohort: Cohort, steps: int) -> Report:
    """The costs of a round with those of some trial steps before it."""
    n, losses = sum(cohort.sizes), 1 + steps * len(MULTIPLES)
    return replace(
        report,
        bytes_up=[(1 + steps) * size + FLOAT * losses for size in report.bytes_up],
        bytes_down=[(1 + steps) * size for size in report.bytes_down],
        forward=(1 + steps) * report.forward + n * losses,
        backward=(1 + steps) * report.backward,
        measured_up=steps * sum(report.bytes_up) + FLOAT * losses * len(cohort.clients),
    )
