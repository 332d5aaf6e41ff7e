"""Forecast a plan's jobs, operations, hours, bytes, disk and memory, and format them as tables."""

import textwrap
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.filesize import decimal
from tabulate import tabulate

from zowarmup.config.datasets import Dataset
from zowarmup.forecast.jobs import ALONE, FIRST, LATER, RATES, Work
from zowarmup.forecast.machine import Hours, hours
from zowarmup.forecast.part import peak
from zowarmup.forecast.sizes import DOWNLOADS, data_files, dataset_size
from zowarmup.plan.graph import Job, counts, graph
from zowarmup.plan.plan import Plan

# Peak operations a second in NVIDIA's data sheets (boost clock, no sparsity): float32 without TF32,
# and bfloat16 with dense matrices.
DEVICES = {
    "H200 SXM": (67e12, 989e12),
    "H100 SXM": (67e12, 989e12),
    "A100 SXM": (19.5e12, 312e12),
    "RTX 4090": (82.6e12, 165.2e12),
}
# Shares of these peaks, assumed and not measured, for convolutions of CIFAR's size, large batches.
REACHED_FLOAT32, REACHED_BFLOAT16 = 0.4, 0.2

FLOPS = ["forward", "backward", "evaluation"]
PIVOT = "the model at the pivot"
WIDTH = 100  # characters in a line of the text
RECORD = 2000  # bytes of a job's run.json, logs and benchmarks
SHOWN = {"table": 35_000, "figure": 400_000}  # bytes in all formats


@dataclass(frozen=True)
class Forecast:
    """Costs of a plan."""

    name: str
    jobs: dict[str, int]  # by rule
    like: dict[str, str]  # algorithm without a formula -> the one whose formula is used
    operations: dict[str, dict[str, dict[str, float]]]  # by_job, by_study and by_model
    devices: dict[str, Any]  # number of devices, seconds by data sheet, shares of the peaks
    federation_bytes: dict[str, dict[str, float]]  # by stage of a method; all clients together
    download_bytes: int
    disk_bytes: dict[str, float]
    memory_bytes: dict[str, float]
    machine: Hours | None  # None if no times were asked for


def forecast(plan: Plan, cores: int, devices: int, results: Path | None) -> Forecast:
    """Return the costs of a plan.

    Args:
        cores, devices: jobs that run at once on this machine; number of devices of a data sheet.
        results: folder of all results; None leaves out the time on this machine.
    """
    used = {spec.dataset for spec in plan.runs.values()}
    sizes = {name: dataset_size(name, plan.config.datasets[name]) for name in sorted(used)}
    work, jobs = Work(plan, sizes), graph(plan)
    table, parts = work.table(jobs), {job: work.parts(job) for job in jobs}
    distinct = {id(part): part for job in jobs for part in parts[job]}.values()
    formulas = {part.phase["algorithm"]: part.formula.algorithm for part in distinct}
    named = [d for d in plan.config.datasets.values() if isinstance(d, Dataset)]
    sources = {dataset.source for dataset in named if not data_files(dataset)}
    return Forecast(
        name=plan.name,
        jobs=dict(counts(jobs)),
        like={name: other for name, other in formulas.items() if name != other},
        operations={
            f"by_{column}": table.groupby(column, sort=False)[FLOPS].sum().to_dict("index")
            for column in ("job", "study", "model")
        },
        devices={
            "devices": devices,
            "reached_float32": REACHED_FLOAT32,
            "reached_bfloat16": REACHED_BFLOAT16,
            "seconds": {name: seconds / devices for name, seconds in by_sheet(table).items()},
        },
        federation_bytes=traffic(table),
        download_bytes=sum(DOWNLOADS.get(source, 0) for source in sources),
        disk_bytes=disk(work, jobs, table),
        memory_bytes=max(map(peak, distinct), key=lambda bytes_: sum(bytes_.values())),
        machine=hours(plan, jobs, parts, results / plan.name, cores) if results else None,
    )


def by_sheet(table: pd.DataFrame) -> dict[str, float]:
    """Return the seconds that all operations take on each device, according to its data sheet."""
    operations, fast = table[FLOPS].to_numpy().sum(), table["bfloat16"].sum()
    return {
        name: (operations - fast) / (REACHED_FLOAT32 * slow) + fast / (REACHED_BFLOAT16 * quick)
        for name, (slow, quick) in DEVICES.items()
    }


def traffic(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the bytes up and down by stage of a method; each warm-up counts once."""
    sums = table.groupby("stage")[["up", "down", "broadcast"]].sum()
    sums = sums.reindex([FIRST, PIVOT, LATER, ALONE, RATES], fill_value=0.0)
    sums["down"] += sums.pop("broadcast").rename({LATER: PIVOT, PIVOT: LATER})
    return sums.to_dict("index")


def disk(work: Work, jobs: Collection[Job], table: pd.DataFrame) -> dict[str, float]:
    """Return the bytes below results/<name>/, by kind of content."""
    sizes = [work.sizes[job.name] for job in jobs if job.rule == "dataset"]
    dealt = [work.plan.config.federations[job.name] for job in jobs if job.rule == "federation"]
    images = [work.sizes[federation.dataset].train for federation in dealt]
    return {
        "data sets": float(sum((s.bytes + 8) * (s.train + s.test) for s in sizes)),
        "federations": sum(n * (1.7 + len(str(n))) for n in images),
        **table[["snapshots", "journals", "metrics", "final models"]].sum(),
        "tables, figures, logs": float(sum(RECORD + SHOWN.get(job.rule, 0) for job in jobs)),
    }


def text(forecast: Forecast) -> str:
    """Return the whole forecast as text, in lines of at most WIDTH characters."""
    jobs = ", ".join(f"{n} {rule}" for rule, n in forecast.jobs.items())
    alike = (f" {name} is assumed to cost like {other}." for name, other in forecast.like.items())
    sheets, memory = forecast.devices, forecast.memory_bytes
    devices = {f"{sheets['devices']} x {name}": s for name, s in sheets["seconds"].items()}
    parts = [_wrap(f"{forecast.name}: {sum(forecast.jobs.values())} jobs: {jobs}.{''.join(alike)}")]
    for name, rows in forecast.operations.items():
        summed = {key: ops | {"all": sum(ops.values())} for key, ops in rows.items()}
        parts.append(_table(f"FLOP {name.replace('_', ' ')}", summed, "{:.2e}".format))
    if hours := forecast.machine:
        device = "the CPU, since this machine has no GPU" if hours.cpu_instead else "this machine"
        memory = {"Python and libraries": hours.process_bytes} | memory
        parts.append(_table("time on this machine", hours.by_job, duration))
        parts.append(
            _wrap(
                f"At least {duration(hours.wall)} with {hours.cores} jobs at once; the longest "
                f"chain of jobs takes {duration(hours.path)}. {hours.recorded} jobs take their "
                f"recorded times; the times of the others are scaled from {hours.kinds} kinds of "
                f"rounds that ran on {device}."
            )
        )
    parts += [
        _table("time by data sheet", devices, duration, total=False),
        _wrap(
            f"At {sheets['reached_float32']:.0%} of the peak in float32 and "
            f"{sheets['reached_bfloat16']:.0%} in bfloat16 (assumed, not measured). This leaves "
            "out the start of jobs, and the idle time of a device with a small network."
        ),
        _table("a real federation sends", forecast.federation_bytes, _size),
        _table("on the disk", forecast.disk_bytes, _size),
        _table("in memory, the largest job", memory, _size),
        _wrap(f"Downloads: {_size(forecast.download_bytes)}. A run that diverges ends earlier."),
    ]
    return "\n\n".join(parts)


def _size(bytes_: float) -> str:
    return decimal(round(bytes_))


def _table(
    title: str, rows: Mapping[str, Any], show: Callable[[float], str], total: bool = True
) -> str:
    """Return rows as a table, with a last row of their sums if `total`."""
    frame = pd.DataFrame.from_dict(rows, orient="index")
    if total:
        frame.loc["all"] = frame.sum()
    headers = [title, *(str(column) if column else "" for column in frame.columns)]
    sides = ["left", *("right" for _ in frame.columns)]
    return tabulate(frame.map(show), headers, colalign=sides, disable_numparse=True)


def _wrap(words: str) -> str:
    return textwrap.fill(words, WIDTH, break_on_hyphens=False)


def duration(seconds: float) -> str:
    """Return a time in a suitable unit, to about two digits."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"
