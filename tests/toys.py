"""Small federations that several test files compute on beside the algorithms."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from zowarmup.algorithms.rounds import Algorithm, Cohort, Report, State
from zowarmup.common.seeds import Seeds
from zowarmup.data.draws import generator
from zowarmup.engines.batched import Batched
from zowarmup.engines.images import Images, Scaling, whole
from zowarmup.engines.plain import Plain
from zowarmup.models.flat import FlatModel

CLASSES = 4


def random(*shape: int, name: str = "x") -> Tensor:
    """Numbers that only their name decides, float32."""
    draws = generator("test", name, math.prod(shape)).standard_normal(shape)
    return torch.from_numpy(draws).float()


def clients(*sizes: int, shape: tuple[int, int, int] = (1, 3, 3)) -> list[tuple[Tensor, Tensor]]:
    """Images and labels of clients with so many images each; labels go round."""
    return [
        (random(n, *shape, name=f"{i}"), torch.arange(i, i + n) % CLASSES)
        for i, n in enumerate(sizes)
    ]


def dealt(clients: Sequence[tuple[Tensor, Tensor]]) -> list[Images]:
    """Clients' images and labels as an engine takes them, the images being what they are."""
    x, y = (torch.cat(part) for part in zip(*clients, strict=True))
    zero, one = torch.zeros(1, 1, 1, dtype=x.dtype), torch.ones(1, 1, 1, dtype=x.dtype)
    return whole(x, y, Scaling(one[0, 0, 0], zero, one)).split([len(y) for _, y in clients])


def linear(*sizes: int, kind: type[Plain] | type[Batched] = Plain) -> Any:
    """An engine whose clients train a linear classifier, 40 parameters."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(9, CLASSES))
    return kind(FlatModel(network), dealt(clients(*sizes)), micro_batch=64)


def named(*sizes: int, hidden: int = 0, kind: Any = Plain) -> Any:
    """An engine whose clients, of so many images each, train one layer, or two.

    The images depend on the number of images alone, so a client keeps them beside others.
    """
    layers = [nn.Linear(9, hidden), nn.ReLU()] if hidden else []
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), *layers, nn.Linear(hidden or 9, CLASSES))
    data = [(random(n, 1, 3, 3, name=f"x{n}"), torch.arange(n) % CLASSES) for n in sizes]
    return kind(FlatModel(network), dealt(data), micro_batch=4)


def rounds(
    method: Algorithm, engine: Any, cohorts: Sequence[Cohort], seeds: Seeds
) -> tuple[list[State], list[Report]]:
    """The states and reports of a round with each cohort, from the engine's first model."""
    state, states, reports = method.begin(engine.model.initial(1)), [], []
    for t, members in enumerate(cohorts, start=1):
        state, report = method.round(state, t, members, engine, seeds)
        states.append(state)
        reports.append(report)
    return states, reports


def cohort(engine: Plain, members: Sequence[int], low: Sequence[int] = ()) -> Cohort:
    """The clients of one round with their true sizes."""
    sizes = tuple(len(engine.data[i]) for i in members)
    return Cohort(tuple(members), sizes, frozenset(low))
