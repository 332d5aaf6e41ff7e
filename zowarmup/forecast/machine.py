"""Forecast the time of a plan on this machine.

A job that has run with the same settings takes the seconds in Snakemake's benchmark file; its other
seeds take the mean. All other jobs are calibrated: a few rounds of each kind run on random images.
"""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import pandas as pd
import torch

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.forecast import calibration
from zowarmup.forecast.part import Part
from zowarmup.plan.graph import RESULT, RULES, Graph, Job, counts, spec_of
from zowarmup.plan.plan import Plan
from zowarmup.storage.provenance import differences

# Times of jobs that do not train, measured on one machine; unit: the start of a training process.
STARTS = {"all": 0.0, "dataset": 0.6, "federation": 0.1, "figure": 1.1, "claims": 1.2, "measure": 2}
STARTS["curvature"] = 2.5  # of a perceptron at two rounds
DRAWING = 0.5  # of jobs of the other rules
SNAKEMAKE = 0.1  # seconds between two jobs on one core

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
    kinds = {calibration.kind(part): part for job in rest for part in parts[job]}
    timed = calibration.calibrated(kinds)
    for job in rest:
        starts = 1.0 if parts[job] else STARTS.get(job.rule, DRAWING)
        seconds[job] = SNAKEMAKE + starts * begin
        seconds[job] += sum(timed[calibration.kind(part)].seconds(part) for part in parts[job])
    by_job = {rule: sum(seconds[job] for job in jobs if job.rule == rule) for rule in counts(jobs)}
    total, path = sum(by_job.values()), longest(jobs, seconds)
    wall = begin + max(path, total / cores)  # Snakemake itself starts, too
    number = len(jobs) - len(rest), len({speed.training for speed in timed.values()})
    gpu = any(part.spec.engine.device != "cpu" for part in kinds.values())
    instead = gpu and not torch.cuda.is_available()
    return Hours(cores, wall, total, path, by_job, *number, instead, process_bytes)


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
