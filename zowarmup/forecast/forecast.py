"""Forecast of a plan: jobs, operations, hours, bytes, disk and memory."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from zowarmup.forecast.jobs import ALONE, FIRST, LATER, RATES, Work
from zowarmup.forecast.machine import Hours, hours
from zowarmup.forecast.part import peak
from zowarmup.forecast.sizes import DOWNLOADS, Size, data_files, dataset_size
from zowarmup.plan.graph import Job, counts, graph
from zowarmup.plan.plan import Plan

# Peak operations a second of NVIDIA's data sheets (boost clock, no sparsity): float32 without TF32,
# and bfloat16 with dense matrices.
DEVICES = {
    "H200 SXM": (67e12, 989e12),
    "H100 SXM": (67e12, 989e12),
    "A100 SXM": (19.5e12, 312e12),
    "RTX 4090": (82.6e12, 165.2e12),
}
# Shares of the peaks, assumed and not measured: convolutions of CIFAR's size in large batches.
REACHED_FLOAT32, REACHED_BFLOAT16 = 0.4, 0.2

FLOPS = ["forward", "backward", "evaluation"]
PIVOT = "the model at the pivot"
RECORD = 2000  # bytes of run.json, logs and benchmarks of a job
SHOWN = {"table": 35_000, "figure": 400_000}  # bytes in all formats


@dataclass(frozen=True)
class Forecast:
    """Cost of a plan.

    Attributes:
        jobs: number by rule.
        like: algorithms without a formula, and the algorithm that each is assumed to cost as.
        operations: by_job, by_study and by_model.
        devices: their number, seconds by data sheet, and the assumed shares of the peaks.
        federation_bytes: up and down by stage of a method, all clients together.
        machine: None if nothing was to be calibrated.
    """

    name: str
    jobs: dict[str, int]
    like: dict[str, str]
    operations: dict[str, dict[str, dict[str, float]]]
    devices: dict[str, Any]
    federation_bytes: dict[str, dict[str, float]]
    download_bytes: int
    disk_bytes: dict[str, float]
    memory_bytes: dict[str, float]
    machine: Hours | None

    def to_json(self) -> dict[str, Any]:
        """Return all numbers; without `machine` where it is None."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def forecast(
    plan: Plan, given: Mapping[str, Size], cores: int, devices: int, results: Path | None
) -> Forecast:
    """Return the cost of a plan.

    Args:
        given: sizes of data sets whose files are missing.
        cores, devices: jobs at once on this machine, and devices of a data sheet.
        results: folder of all results; None leaves out the time on this machine.
    """
    used = {spec.dataset for spec in plan.runs.values()}
    sizes = {name: dataset_size(name, plan.config.datasets[name], given) for name in sorted(used)}
    work, jobs = Work(plan, sizes), graph(plan)
    table, parts = work.table(jobs), {job: work.parts(job) for job in jobs}
    distinct = {id(part): part for job in jobs for part in parts[job]}.values()
    formulas = {part.phase["algorithm"]: part.formula.algorithm for part in distinct}
    sources = {d.source for d in plan.config.datasets.values() if not data_files(d)}
    return Forecast(
        name=plan.name,
        jobs=counts(jobs),
        like={name: other for name, other in formulas.items() if name != other},
        operations={
            f"by_{column}": table.groupby(column, sort=False)[FLOPS].sum().to_dict("index")
            for column in ("job", "study", "model")
        },
        devices={
            "devices": devices,
            "reached_float32": REACHED_FLOAT32,
            "reached_bfloat16": REACHED_BFLOAT16,
            "seconds": {name: on_device(name, table) / devices for name in DEVICES},
        },
        federation_bytes=traffic(table),
        download_bytes=sum(DOWNLOADS.get(source, 0) for source in sources),
        disk_bytes=disk(work, jobs, table),
        memory_bytes=max(map(peak, distinct), key=lambda bytes_: sum(bytes_.values())),
        machine=hours(plan, jobs, parts, results / plan.name, cores) if results else None,
    )


def on_device(name: str, table: pd.DataFrame) -> float:
    """Return the seconds of all operations on a device, by its data sheet."""
    float32, bfloat16 = DEVICES[name]
    operations, fast = table[FLOPS].to_numpy().sum(), table["bfloat16"].sum()
    return (operations - fast) / (REACHED_FLOAT32 * float32) + fast / (REACHED_BFLOAT16 * bfloat16)


def traffic(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the bytes up and down by stage of a method, each warm-up counted once."""
    sums = table.groupby("stage")[["up", "down", "broadcast"]].sum()
    sums = sums.reindex([FIRST, PIVOT, LATER, ALONE, RATES], fill_value=0.0)
    sums["down"] += sums.pop("broadcast").rename({LATER: PIVOT, PIVOT: LATER})
    return sums.to_dict("index")


def disk(work: Work, jobs: Collection[Job], table: pd.DataFrame) -> dict[str, float]:
    """Return the bytes below results/<name>/ by contents."""
    sizes = [work.sizes[job.name] for job in jobs if job.rule == "dataset"]
    dealt = [work.plan.config.federations[job.name] for job in jobs if job.rule == "federation"]
    images = [work.sizes[federation.dataset].train for federation in dealt]
    return {
        "data sets": float(sum((s.pixels + 8) * (s.train + s.test) for s in sizes)),
        "federations": sum(n * (1.7 + len(str(n))) for n in images),
        **table[["snapshots", "journals", "metrics", "final models"]].sum(),
        "tables, figures, logs": float(sum(RECORD + SHOWN.get(job.rule, 0) for job in jobs)),
    }
