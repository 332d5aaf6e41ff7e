"""Everything that a config will cost, as one dictionary that JSON can hold.

Operations, bytes and seconds are plain numbers; a job that several studies share counts for the
first of them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import torch

from zowarmup.forecast import hours, storage
from zowarmup.forecast.calibrate import Machine, Say, machine
from zowarmup.forecast.devices import DEVICES, REACHED_BFLOAT16, REACHED_FLOAT32
from zowarmup.forecast.flops import Flops, like
from zowarmup.forecast.sizes import Size, dataset_size
from zowarmup.forecast.traffic import RATES, traffic
from zowarmup.forecast.work import Kind, Piece, Work
from zowarmup.plan.graph import Graph, Job, counts, graph
from zowarmup.plan.plan import Plan

Numbers = dict[str, Any]


def forecast(
    plan: Plan, given: Mapping[str, Size], cores: int, devices: int, say: Say | None
) -> Numbers:
    """What a plan costs.

    Args:
        given: sizes of data sets that nothing else says.
        cores, devices: jobs at once on this machine, and devices of a data sheet.
        say: is told the progress of the calibration; None for none.
    """
    used = {spec["dataset"] for spec in plan.runs.values()}
    sizes = {name: dataset_size(name, plan.config.datasets[name], given) for name in sorted(used)}
    work, jobs = Work(plan, sizes), graph(plan)
    pieces = {job: work.pieces(job) for job in jobs}
    made: Numbers = {
        "name": plan.name,
        "jobs": counts(jobs),
        "like": alike(pieces),
        "operations": operations(plan, pieces),
        "devices": sheets(pieces, devices),
        "federation_bytes": {k: v._asdict() for k, v in traffic(work, jobs).items()},
        "download_bytes": storage.downloads(work),
        "disk_bytes": storage.disk(work, jobs),
        "memory_bytes": memory(pieces),
    }
    if say is not None:
        made["machine"] = measured(work, jobs, machine(kinds(pieces), say), cores)
    return made


def alike(pieces: Mapping[Job, list[Piece]]) -> dict[str, str]:
    """Algorithms without a formula of their own, and whose they are taken to cost."""
    phases = [piece.kind.phase for parts in pieces.values() for piece in parts]
    found = {phase["algorithm"]: like(phase) for phase in phases}
    return {name: other for name, other in found.items() if name != other}


def operations(plan: Plan, pieces: Mapping[Job, list[Piece]]) -> Numbers:
    """Operations by kind of job, by study and by network."""
    tables: dict[str, dict[str, Flops]] = {"job": {}, "study": {}, "model": {}}
    studies = first_studies(plan)
    for job, parts in pieces.items():
        for piece in parts:
            study = studies.get(job, RATES)
            for table, name in (("job", job.rule), ("study", study), ("model", piece.kind.model)):
                known = tables[table].get(name, Flops())
                tables[table][name] = known.plus(piece.flops())
    return {
        f"by_{table}": {name: made._asdict() for name, made in rows.items()}
        for table, rows in tables.items()
    }


def first_studies(plan: Plan) -> dict[Job, str]:
    """The study that a training job counts for; none for a choice of a learning rate.

    A warm-up counts for the first study of the runs that start from it.
    """
    found: dict[Job, str] = {}
    for cell in plan.cells:
        warmup = plan.runs[cell.run]["warmup"]
        for seed in cell.seeds:
            found.setdefault(Job("train", cell.run, str(seed)), cell.study)
            found.setdefault(Job("warmup", warmup or "", str(seed)), cell.study)
    return found


def sheets(pieces: Mapping[Job, list[Piece]], devices: int) -> Numbers:
    """Seconds on devices of data sheets, all jobs one after the other or spread over devices."""
    flat = [piece for parts in pieces.values() for piece in parts]
    total = Flops()
    for piece in flat:
        total = total.plus(piece.flops())
    return {
        "devices": devices,
        "reached_float32": REACHED_FLOAT32,
        "reached_bfloat16": REACHED_BFLOAT16,
        "seconds": {
            device.name: {
                "float32_two_point": hours.on(device, total) / devices,
                "bfloat16_directional": hours.on_fast(device, flat) / devices,
            }
            for device in DEVICES
        },
    }


def memory(pieces: Mapping[Job, list[Piece]]) -> Numbers:
    """Of the job that holds most, beyond a process that has loaded torch."""
    distinct = {piece.kind.name: piece for parts in pieces.values() for piece in parts}
    images, training = max(map(storage.peak, distinct.values()), key=sum, default=(0.0, 0.0))
    return {"images": images, "training": training}


def kinds(pieces: Mapping[Job, list[Piece]]) -> list[tuple[Kind, float]]:
    """Every kind of work once, with its operations in all jobs."""
    known: dict[str, Kind] = {}
    total: Counter[str] = Counter()
    for piece in (piece for parts in pieces.values() for piece in parts):
        known.setdefault(piece.kind.name, piece.kind)
        total[piece.kind.name] += int(piece.flops().all)
    return [(kind, total[name]) for name, kind in known.items()]


def measured(work: Work, jobs: Graph, found: Machine, cores: int) -> Numbers:
    """Seconds on this machine, as loaded as it is and as if it were idle."""
    now, idle = (hours.here(work, jobs, found, cores, busy) for busy in (False, True))
    return {
        "cores": cores,
        "kinds": len(found.timings),
        "kinds_measured": found.measured,
        "cpu_instead": _cpu_instead(work.plan),
        "process_bytes": found.base,
        "path": [" ".join(filter(None, job)) for job in now.last],
        "now": summary(now),
        "idle": summary(idle),
        "by_job": by_rule(jobs, {job: hours.seconds(work, job, found).wall for job in jobs}),
    }


def _cpu_instead(plan: Plan) -> bool:
    """Whether rounds that belong on a GPU were timed without one."""
    wanted = {spec["engine"]["device"] for spec in plan.runs.values()}
    return wanted != {"cpu"} and not torch.cuda.is_available()


def summary(found: hours.Hours) -> dict[str, float]:
    """The numbers alone."""
    return {"work": found.work, "wall": found.wall, "path": found.path}


def by_rule(jobs: Iterable[Job], took: Mapping[Job, float]) -> dict[str, float]:
    """Sums of seconds."""
    sums: dict[str, float] = {}
    for job in jobs:
        sums[job.rule] = sums.get(job.rule, 0.0) + took[job]
    return sums
