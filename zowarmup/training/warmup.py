"""The warm-up: one first-order trajectory with snapshots, which many runs share.

The work lies beside the results, in a folder that Snakemake does not know and so does not delete.
A job that was killed resumes there. A finished job whose outputs Snakemake takes for incomplete
only puts them in place again. The snapshots are hard links to files of the work.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from zowarmup.common.seeds import Seeds
from zowarmup.plan.pivots.probe import Probe, ProbesSpec
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import checkpoint
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop
from zowarmup.training.context import Context, start
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.probes import probe
from zowarmup.training.resume_state import ResumeState

Rows = list[MetricsRow]


@dataclass
class Trajectory:
    """The measurements of a warm-up: the rows of metrics.csv and of probes.csv."""

    rows: Rows
    probes: list[Probe] = field(default_factory=list)


def run(
    context: Context,
    phase: TrainingPhase,
    seeds: Seeds,
    *,
    evaluate_every: int,
    is_snapshot: Callable[[int], bool],
    folder: Path,
    snapshots: Path,
    provenance: Provenance,
    probes: ProbesSpec | None = None,
) -> Trajectory:
    """Train the trajectory until it ends or diverges, and put the snapshots in place.

    Args:
        is_snapshot: whether the model after round t is kept.
        folder: the folder of the work.
        snapshots: the folder into which the snapshots go once all of them exist.
        provenance: everything that decides the result; stale work is deleted.
        probes: which models are probed, None for none of them.
    """
    with ResumeState(folder / "state", provenance, context, is_snapshot) as saved:
        done, step = _train(context, phase, seeds, evaluate_every, saved, probes)
        if failed(done.rows):  # the failed model is the snapshot of all later rounds
            for t in filter(is_snapshot, range(step.t + 1, phase.last + 1)):
                saved.offer(Step(t, step.state, step.costs), done.rows, probes=done.probes)
        context.group.wait()  # until all processes have read the state from which they resume
    if context.group.first:
        rounds = filter(is_snapshot, range(phase.last + 1))
        _put([checkpoint.snapshot(folder / "state", t) for t in rounds], snapshots)
    return done


def _train(
    context: Context,
    phase: TrainingPhase,
    seeds: Seeds,
    evaluate_every: int,
    saved: ResumeState,
    probes: ProbesSpec | None,
) -> tuple[Trajectory, Step]:
    """The measurements, and the step of the last round or of the round where training failed."""
    if saved.state:
        done = Trajectory(list(saved.state.rows), list(saved.state.probes))
        step = saved.step()
        log.info(f"resuming after round {step.t}")
    else:
        step = loop.begin(context, phase, start(context, seeds, None), Costs())
        done = Trajectory([loop.row(context, phase, step)])
        saved.offer(step, done.rows)
    watched = saved.folder.parent if context.group.first else None
    progress = Progress("warm-up", phase.last, watched)
    steps = () if failed(done.rows) else loop.run(context, phase, step, seeds)
    for step in steps:
        if step.t % evaluate_every == 0 or step.t == phase.last:
            done.rows.append(loop.row(context, phase, step))
            progress.note(done.rows[-1].columns())
        if probes and probes.at(step.t):
            done.probes.append(probe(context, phase, probes, seeds, step.t, step.w))
        saved.offer(step, done.rows, probes=done.probes)
        progress.step(step.t)
        if failed(done.rows):
            break
    return done, step


def failed(rows: Rows) -> bool:
    """Whether the model had diverged at the last measurement."""
    return rows[-1].diverged


def _put(files: list[Path], snapshots: Path) -> None:
    """Put the snapshots under the name that other jobs read, all or none."""
    staged = snapshots.with_name(f".{snapshots.name}-{secrets.token_hex(4)}.tmp")
    staged.mkdir(parents=True)
    for file in files:
        try:
            os.link(file, staged / file.name)
        except OSError:  # a file system without hard links
            shutil.copy2(file, staged / file.name)
    shutil.rmtree(snapshots, ignore_errors=True)
    os.replace(staged, snapshots)
