"""Time a few rounds of each kind on random images.

Rounds of more than LIGHT operations are cut to two clients with few images, in two sizes: what does
not grow with the images, such as FedKSeed's K directions of d entries, is no cost of an operation.
If one CPU thread does the work, its CPU seconds count, which are the seconds on an idle machine.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from tqdm import tqdm

from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import RATES
from zowarmup.data import federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.draws import generator
from zowarmup.forecast.part import Part
from zowarmup.forecast.sizes import Size
from zowarmup.plan.specs import EngineSpec, Phase
from zowarmup.training import context, loop, phases
from zowarmup.training.context import Context

BUDGET = 30.0  # seconds of calibration
REPEATED = 0.1  # seconds for which a round, and a row of metrics, is repeated
LIGHT = 5e9  # a round with more operations (about 0.2 s of one core) is cut
SIZES = 4  # ratio of the two sizes
VISIBLE = 1.2  # of the times of two sizes: less is noise
PAIR = 2  # clients of a round that is cut
LR = 1e-6  # so small that nothing diverges
ENDLESS = 1_000_000  # rounds of a phase, so that no timed round is its last


@dataclass(frozen=True)
class Speed:
    """Seconds of a round whatever its images, and of an operation in rounds and in measurements."""

    fixed: float
    training: float
    evaluation: float

    def seconds(self, part: Part) -> float:
        """Return the seconds of all rounds of a part and of their measurements."""
        rounds = part.rounds * self.fixed + part.training * self.training
        return rounds + part.evaluation * self.evaluation


def calibrated(kinds: Mapping[str, Part], budget: float = BUDGET) -> dict[str, Speed]:
    """Return kind -> `speed`; the kinds with most operations are timed first.

    After `budget` seconds, a kind takes the speed of one of its network and algorithm.
    """
    timed: dict[str, Speed] = {}
    end = time.monotonic() + budget
    ordered = sorted(kinds, key=lambda name: -kinds[name].training)
    for name in tqdm(ordered, "calibrating", leave=False, disable=None):
        alike = [other for other in timed if _alike(kinds[other], kinds[name])]
        late = time.monotonic() > end and alike
        timed[name] = timed[alike[0]] if late else speed(kinds[name])
    return timed


def kind(part: Part) -> str:
    """Return a name for the kind of a part; parts of one kind have equally fast operations."""
    words = {k: v for k, v in part.phase.items() if isinstance(v, str | bool)}
    return json.dumps([part.title, part.spec.engine.model_dump(), words, part.members, part.images])


def _alike(a: Part, b: Part) -> bool:
    """Return whether two parts train one network by one algorithm."""
    return (a.title, a.phase["algorithm"]) == (b.title, b.phase["algorithm"])


def speed(part: Part, light: float = LIGHT) -> Speed:
    """Time rounds and measurements of a part, cut to `light` operations if they have more."""
    one = replace(part, rounds=1, rows=1, losses=0)
    if max(one.training, one.evaluation / 4) <= light:
        training, evaluation = _timed(one)
        return Speed(0.0, training / one.training, evaluation / one.evaluation)
    images = max(SIZES, int(light / cut(one, 1).training))
    small, large = cut(one, images // SIZES), cut(one, images)
    (few, _), (many, evaluation) = _timed(small), _timed(large)
    forward, more = evaluation / large.evaluation, large.training - small.training
    if not more:  # a client has too few images for two sizes
        return Speed(0.0, many / large.training, forward)
    if many < VISIBLE * few:  # both are forward passes, as far as one can see
        return Speed(few, forward, forward)
    slope = (many - few) / more
    return Speed(max(0.0, few - slope * small.training), slope, forward)


def _timed(one: Part) -> tuple[float, float]:
    """Return the seconds of a round and of a measurement."""
    engine, seeds = one.spec.engine, Seeds(0, 0, 0)
    if not torch.cuda.is_available():
        engine = engine.model_copy(update={"device": "cpu"})
    alone = engine.device == "cpu" and engine.threads == 1
    clock = time.process_time if alone else time.perf_counter
    job = _context(one, engine)
    phase = {**one.phase, "rounds": ENDLESS, "lr": LR}
    phase |= {rate: LR for rate in RATES if rate in phase}
    (ready,) = phases.prepare(job, [Phase.read(phase)])
    begin = loop.begin(job, ready, context.start(job, seeds, None), loop.Costs())
    steps = loop.run(job, ready, begin, seeds)
    step = next(steps)  # creates what later rounds reuse
    return _mean(lambda: next(steps), clock), _mean(lambda: loop.row(job, ready, step), clock)


def cut(part: Part, images: int) -> Part:
    """Return the part cut to two clients with a few images each, one client of each tier."""
    images = min(images, part.images[0])
    phase = {**part.phase, "clients": "all", "participation": 1.0}
    if "batch" in phase:
        phase["batch"] = min(phase["batch"], images)
    high = 1 if part.high < part.federation["clients"] else PAIR
    data = replace(part.data, train=PAIR * (images + 1), test=PAIR * (images + 1))
    dealt = {**part.federation, "clients": PAIR, "holdout": 1 / (images + 1)}
    return replace(part, phase=phase, federation=dealt, data=data, high=high)


def _mean(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Return the mean seconds of a call that is repeated for REPEATED seconds."""
    calls, begin = 0, clock()
    while not calls or clock() - begin < REPEATED:
        call()
        calls += 1
    return (clock() - begin) / calls


def _noise(size: Size, n: int, random: np.random.Generator) -> np.ndarray:
    """Random images, features or tokens, (n, ...)."""
    if size.dtype == "float32":
        return random.standard_normal((n, *size.shape), np.float32)
    return random.integers(0, size.tokens or 256, (n, *size.shape), np.dtype(size.dtype).type)


def _context(part: Part, engine: EngineSpec) -> Context:
    """Return the context of a job with random images, whose labels cycle through the classes."""
    size, random = part.data, generator("forecast")
    x = [_noise(size, n, random) for n in (size.train, size.test)]
    y = x if size.text else [np.arange(n) % size.classes for n in (size.train, size.test)]
    if not size.text:
        y[0][-1] = size.classes - 1  # the number of classes is read from the labels
    one = np.ones(0 if size.tokens else size.shape[0], np.float32)
    tokens = size.tokens if size.text else None
    data = Dataset("noise", x[0], y[0], x[1], y[1], one / 2, one / 4, 255.0, vocabulary=tokens)
    settings = {k: v for k, v in part.federation.items() if k not in ("dataset", "memory")}
    high = round(100 * part.high / part.federation["clients"])
    spec = part.spec.model_copy(update={"split": f"{high}/{100 - high}", "engine": engine})
    return context.assemble(spec, data, federation.build(data, **settings, seed=0))
