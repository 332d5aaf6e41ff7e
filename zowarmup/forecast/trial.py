"""A small world of random images of the right shape, in which a few rounds are really run."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import RATES
from zowarmup.data import federation
from zowarmup.data.datasets import Dataset
from zowarmup.data.draws import generator
from zowarmup.forecast.clock import Seconds, Watch, repeat
from zowarmup.forecast.sizes import Crowd
from zowarmup.forecast.work import Kind
from zowarmup.storage.journal import Journal
from zowarmup.training import context, loop
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import heldout_loss
from zowarmup.training.loop import Step

SEEDS = Seeds(0, 0, 0)
ROUNDS = 1_000_000  # so many that none is a phase's last
LR = 1e-6  # so small that nothing diverges
PAIR = 2  # clients of a cut crowd


@dataclass(frozen=True)
class Timing:
    """Of one round, one row of metrics, one held-out loss, and of making the world."""

    round: Seconds
    row: Seconds
    heldout: Seconds
    context: Seconds


def cut(kind: Kind, images: int) -> Kind:
    """The same work by two clients with so many images each, of which both tiers have one.

    Mini-batches are no larger than what a client has, and everybody is there.
    """
    phase = {**kind.phase, "clients": "all", "participation": 1.0}
    if "batch" in phase:
        phase["batch"] = min(phase["batch"], images)
    high = 1 if kind.spec["split"] else PAIR
    data = replace(kind.crowd.data, train=PAIR * (images + 1), test=PAIR * (images + 1))
    crowd = replace(kind.crowd, data=data, clients=PAIR, high=high, train=images, heldout=1)
    spec = {**kind.spec, "split": "50/50" if kind.spec["split"] else None}
    dealt = {"clients": PAIR, "holdout": 1 / (images + 1), "memory": None}
    return Kind(kind.name, spec, phase, {**kind.federation, **dealt}, crowd)


def timed(kind: Kind, least: float) -> Timing:
    """What there is to know about a kind, each repeated for at least so many seconds."""
    watch = _watch(kind)
    here, built = _built(kind)
    round, last = _rounds(here, kind, least)
    row = repeat(lambda: loop.row(here, kind.phase, 1, last), watch, least / 2)
    heldout = repeat(lambda: heldout_loss(here, last.w), watch, least / 4)
    return Timing(round, row, heldout, built)


def timed_round(kind: Kind) -> tuple[Seconds, Seconds]:
    """Of one round, and of making the world."""
    here, built = _built(kind)
    return _rounds(here, kind, 0)[0], built


def _watch(kind: Kind) -> Callable[[], Watch]:
    alone = kind.spec["engine"]["threads"] == 1 and _device(kind) == "cpu"
    return lambda: Watch(alone)


def _built(kind: Kind) -> tuple[Context, Seconds]:
    made = _watch(kind)()
    return make(kind), made.read()


def _rounds(here: Context, kind: Kind, least: float) -> tuple[Seconds, Step]:
    """How long a round takes, and the last of them."""
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal", {}) as journal:
        steps = _steps(here, kind.phase, journal)
        last = [next(steps)]  # what is made once is made now
        took = repeat(lambda: last.__setitem__(0, next(steps)), _watch(kind), least)
    return took, last[0]


def make(kind: Kind) -> Context:
    """Everything that a job of the kind has, with random images; on the CPU where no GPU is."""
    data = noise(kind.crowd)
    settings = {name: value for name, value in kind.federation.items() if name != "dataset"}
    dealt = federation.build(data, **settings, seed=0)
    engine = {**kind.spec["engine"], "device": _device(kind)}
    return context.assemble({**kind.spec, "engine": engine}, data, dealt)


def noise(crowd: Crowd) -> Dataset:
    """Random images, labels in turn."""
    size, random = crowd.data, generator("forecast")

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = random.integers(0, 256, (n, *size.shape), np.uint8)
        return x, np.arange(n) % size.classes

    (x_train, y_train), (x_test, y_test) = part(size.train), part(size.test)
    y_train[-1] = size.classes - 1  # says how many classes there are, however few images
    one = np.ones(size.shape[0], np.float32)
    return Dataset("noise", x_train, y_train, x_test, y_test, one / 2, one / 4, 255.0)


def _steps(here: Context, phase: Mapping[str, Any], journal: Journal) -> Iterator[Step]:
    """Rounds without end, each written down as in a job."""
    rates = {rate: LR for rate in RATES if rate in phase}
    phase = {**phase, "lr": LR, "rounds": ROUNDS, **rates}  # a selection's phase has no lr yet
    w = context.start(here, SEEDS, None)
    state, costs = loop.begin(here, phase, w, Costs())
    for step in loop.run(here, phase, state, SEEDS, first=1, costs=costs):
        if step.record is not None:
            journal.append(step.record.to_json())
        yield step


def _device(kind: Kind) -> str:
    wanted = cast(str, kind.spec["engine"]["device"])
    return wanted if torch.cuda.is_available() else "cpu"
