"""Forecast the time of a plan on this machine.

A job that has run with the same settings takes the seconds in Snakemake's benchmark file; its other
seeds take the mean. All other jobs are calibrated: a few rounds of each kind run on random images.
Rounds of more than LIGHT operations are cut to two clients with few images. If one CPU thread does
the work, its CPU seconds count, which are the seconds on an idle machine.
"""

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import RATES
from zowarmup.data import federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.draws import generator
from zowarmup.forecast.part import Part
from zowarmup.forecast.sizes import Size
from zowarmup.plan.graph import RESULT, RULES, Graph, Job, counts, spec_of
from zowarmup.plan.plan import Plan
from zowarmup.plan.specs import EngineSpec, Phase
from zowarmup.storage.provenance import differences
from zowarmup.training import context, loop, phases
from zowarmup.training.context import Context

# Times of jobs that do not train, measured on one machine; unit: the start of a training process.
STARTS = {"all": 0.0, "dataset": 0.6, "federation": 0.1, "figure": 1.1, "claims": 1.2, "measure": 2}
STARTS["curvature"] = 2.5  # of a perceptron at two rounds
DRAWING = 0.5  # of jobs of the other rules
SNAKEMAKE = 0.1  # seconds between two jobs on one core

BUDGET = 30.0  # seconds of calibration
REPEATED = 0.1  # seconds for which a round, and a row of metrics, is repeated
LIGHT = 5e9  # a round with more operations (about 0.2 s of one core) is cut
PAIR = 2  # clients of a round that is cut
LR = 1e-6  # so small that nothing diverges
ENDLESS = 1_000_000  # rounds of a phase, so that no timed round is its last
Parts = Mapping[Job, Sequence[Part]]

START = """
import pathlib, resource, time, torch, zowarmup.jobs.train
torch.ones(9, 9, requires_grad=True).square().sum().backward()
peak, status = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, pathlib.Path("/proc/self/status")
if status.exists():  # there ru_maxrss counts the parent's memory, too
    peak = status.read_text().split("VmHWM:")[1].split()[0]
print(time.process_time(), peak)
"""


@dataclass(frozen=True)
class Hours:
    """Seconds of a plan on this machine."""

    cores: int
    wall: float  # lower bound for `cores` jobs at once: max of path, work / cores
    work: float  # all jobs, one after the other
    path: float  # the longest chain of jobs that wait for each other
    by_job: dict[str, float]
    recorded: int  # jobs that have run, or whose other seeds have
    kinds: int  # kinds of rounds that were timed for the other jobs
    cpu_instead: bool  # whether rounds that belong on a GPU ran on the CPU
    process_bytes: int  # memory of a training process before it has images


def hours(plan: Plan, jobs: Graph, parts: Parts, results: Path, cores: int) -> Hours:
    """Return the time of a plan whose earlier results, if any, are in the folder `results`."""
    begin, process_bytes = start()
    seconds = recorded(plan, jobs, results)
    rest = [job for job in jobs if job not in seconds]
    kinds = {kind(part): part for job in rest for part in parts[job]}
    timed = calibrated(kinds)
    for job in rest:
        starts = 1.0 if parts[job] else STARTS.get(job.rule, DRAWING)
        seconds[job] = SNAKEMAKE + starts * begin
        for part in parts[job]:
            training, evaluation = timed[kind(part)]
            seconds[job] += part.training * training + part.evaluation * evaluation
    by_job = {rule: sum(seconds[job] for job in jobs if job.rule == rule) for rule in counts(jobs)}
    total, path = sum(by_job.values()), longest(jobs, seconds)
    wall = begin + max(path, total / cores)  # Snakemake itself starts, too
    number = len(jobs) - len(rest), len(set(timed.values()))
    gpu = any(part.spec.engine.device != "cpu" for part in kinds.values())
    instead = gpu and not torch.cuda.is_available()
    return Hours(cores, wall, total, path, by_job, *number, instead, process_bytes)


def calibrated(kinds: Mapping[str, Part], budget: float = BUDGET) -> dict[str, tuple[float, float]]:
    """Return kind -> `rates`; the kinds with most operations are timed first.

    After `budget` seconds, a kind takes the rates of another kind with the same network.
    """
    timed: dict[str, tuple[float, float]] = {}
    end = time.monotonic() + budget
    ordered = sorted(kinds, key=lambda name: -kinds[name].training)
    for name in tqdm(ordered, "calibrating", leave=False, disable=None):
        alike = [other for other in timed if kinds[other].title == kinds[name].title]
        late = time.monotonic() > end and alike
        timed[name] = timed[alike[0]] if late else rates(kinds[name])
    return timed


def longest(jobs: Graph, seconds: Mapping[Job, float]) -> float:
    """Return the seconds until the last job ends if no job waits for a free core."""
    ends: dict[Job, float] = {}
    for job, needed in jobs.items():  # a job comes after the jobs that it needs
        ends[job] = seconds[job] + max((ends[other] for other in needed), default=0.0)
    return max(ends.values())


def recorded(plan: Plan, jobs: Iterable[Job], results: Path) -> dict[Job, float]:
    """Return the seconds of the jobs that have run, and of their other seeds.

    Raises:
        UserError: a benchmark file or a record is damaged.
    """
    seconds: dict[Job, float] = {}
    seeds: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for job in jobs:
        file = results / "benchmarks" / ("/".join(filter(None, job)) + ".tsv")
        if file.is_file() and _unchanged(plan, job, results):
            with reading(file):
                seconds[job] = float(pd.read_csv(file, sep="\t")["s"].mean())
            seeds[job[:2]].append(seconds[job])
    return {job: seconds.get(job, fmean(seeds[job[:2]])) for job in jobs if job[:2] in seeds}


def _unchanged(plan: Plan, job: Job, results: Path) -> bool:
    """Return whether a job has trained with the plan's settings.

    Learning rates may differ, and what the probes decide: groups, and the rounds of phases where a
    rule decides the pivot.
    """
    if job.rule not in RESULT:
        return True
    folder = next(folder for folder, rule in RULES.items() if rule == job.rule)
    file = results / folder / job.name / job.part / RESULT[job.rule]
    if not file.is_file():
        return False
    with reading(file):
        spec = spec_of(plan, job)
        changes = differences(read_json(file)["spec"], spec.model_dump(mode="json"))
        free = (
            "lr was",
            "groups was",
            *["rounds was"] * (getattr(spec, "pivot_rule", None) is not None),
        )
        return all(any(word in change for word in free) for change in changes)


def start() -> tuple[float, int]:
    """Return the CPU seconds that a training process takes to start, and its bytes of memory."""
    answer = subprocess.check_output([sys.executable, "-c", START], text=True).split()
    return float(answer[0]), 1024 * int(answer[1])


def kind(part: Part) -> str:
    """Return a name for the kind of a part; parts of one kind have equally fast operations."""
    words = {k: v for k, v in part.phase.items() if isinstance(v, str | bool)}
    return json.dumps([part.title, part.spec.engine.model_dump(), words, part.members, part.images])


def rates(part: Part, light: float = LIGHT) -> tuple[float, float]:
    """Return the seconds per operation in rounds (cut to `light` ones) and in measurements."""
    one = replace(part, rounds=1, rows=1, losses=0)
    if max(one.training, one.evaluation / 4) > light:
        one = cut(one, max(1, int(light / cut(one, 1).training)))
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
    training = _mean(lambda: next(steps), clock)
    evaluation = _mean(lambda: loop.row(job, ready, step), clock)
    return training / one.training, evaluation / one.evaluation


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
