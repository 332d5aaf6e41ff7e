"""How long the jobs take: on this machine from what was measured, on others from data sheets."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from zowarmup.forecast.calibrate import Machine
from zowarmup.forecast.clock import Seconds
from zowarmup.forecast.devices import REACHED_BFLOAT16, REACHED_FLOAT32, Device
from zowarmup.forecast.flops import Flops
from zowarmup.forecast.schedule import longest, makespan
from zowarmup.forecast.work import Piece, Work
from zowarmup.plan.graph import Graph, Job

# Jobs that do not train take so many times as long as a process that loads what draws. From one run
# of the default config on a busy machine, its seconds divided by how much the load drew them out.
DRAWING = {
    "dataset": 0.3,
    "federation": 0.1,
    "collect_metrics": 0.2,
    "table": 0.7,
    "figure": 1.5,
    "claims": 1.6,
    "signatures": 0.8,
    "front_page": 0.8,
}
MEASURE = 2.0  # times as long as the start of a process that trains
SNAKEMAKE = Seconds(0.1, 0.1)  # between two jobs on one core
PARSING = 2.0  # seconds in which Snakemake starts, in starts of a process that draws


class Hours(NamedTuple):
    """Seconds of a whole config on this machine.

    Attributes:
        work: of all jobs together.
        wall: until the last is done, with so many at once.
        path: until the last is done if no job waits for a core.
        last: the jobs that decide `path`.
    """

    work: float
    wall: float
    path: float
    last: list[Job]


def here(work: Work, jobs: Graph, machine: Machine, cores: int, busy: bool = False) -> Hours:
    """What the jobs take on this machine.

    Args:
        cores: jobs at once.
        busy: as if nothing else ran on the machine.
    """
    both = {job: seconds(work, job, machine) for job in jobs}
    took = {job: one.busy if busy else one.wall for job, one in both.items()}
    parsing = PARSING * (machine.drawing.busy if busy else machine.drawing.wall)
    path, last = longest(jobs, took)
    total = sum(took.values())
    return Hours(total, parsing + makespan(jobs, took, cores), parsing + path, last)


def seconds(work: Work, job: Job, machine: Machine) -> Seconds:
    """Of one job, with Snakemake's part in it."""
    if job.rule == "all":
        return Seconds()
    if job.rule in DRAWING:
        return machine.drawing.times(DRAWING[job.rule]).plus(SNAKEMAKE)
    total = machine.start.plus(SNAKEMAKE)
    if job.rule == "measure":
        return total.times(MEASURE)
    for piece in work.pieces(job):
        known = machine.timings[piece.kind.name]
        total = total.plus(known.context)
        total = total.plus(known.round, piece.rounds).plus(known.row, piece.rows)
        total = total.plus(known.heldout, piece.heldout)
    return total


def on(device: Device, made: Flops) -> float:
    """Seconds of operations in float32 on a device of a data sheet."""
    return made.all / (device.float32 * REACHED_FLOAT32)


def on_fast(device: Device, pieces: Iterable[Piece]) -> float:
    """The same with the directional estimator and with bfloat16 in all that has gradients."""
    exact, fast = 0.0, 0.0
    for piece in pieces:
        made = directional(piece).flops()
        exact += made.evaluation
        if made.backward:
            fast += made.forward + made.backward
        else:  # differences of losses stay what they are
            exact += made.forward
    float32, bfloat16 = device.float32 * REACHED_FLOAT32, device.bfloat16 * REACHED_BFLOAT16
    return exact / float32 + fast / bfloat16


def directional(piece: Piece) -> Piece:
    """The piece with its two-point estimates taken in the limit."""
    phase: Mapping[str, object] = piece.kind.phase
    if "estimator" not in phase:
        return piece
    kind = piece.kind
    limit = {**phase, "estimator": "directional"}
    return replace(piece, kind=replace(kind, phase=limit))
