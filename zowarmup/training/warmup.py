"""The warm-up: one first-order trajectory with snapshots, which many runs share.

The work lies beside the results, in a folder that the workflow does not know and so does not
delete: a job that was killed resumes there, and one that is run again, because Snakemake thinks its
outputs incomplete, only puts them in place. The snapshots are the same files under a second name.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from zowarmup.common.seeds import Seeds
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import checkpoint
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop
from zowarmup.training.context import Context, start
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.resume_state import ResumeState

Rows = list[MetricsRow]


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
) -> Rows:
    """Train the trajectory to its end, or to its divergence, and put the snapshots in place.

    Args:
        is_snapshot: whether the model after round t is kept.
        folder: where the work lies.
        snapshots: where the snapshots are to be in the end, once all are there.
        provenance: everything that decides the result; stale work is deleted.

    Returns:
        The rows of metrics.
    """
    with ResumeState(folder / "state", provenance, context, is_snapshot) as saved:
        rows, step = _train(context, phase, seeds, evaluate_every, saved)
        if failed(rows):  # its model stands for those of all later rounds
            for t in filter(is_snapshot, range(step.t + 1, phase.last + 1)):
                saved.offer(Step(t, step.state, step.costs), rows)
        context.group.wait()  # all processes have read the state from which they resume
    if context.group.first:
        rounds = filter(is_snapshot, range(phase.last + 1))
        _put([checkpoint.snapshot(folder / "state", t) for t in rounds], snapshots)
    return rows


def _train(
    context: Context, phase: TrainingPhase, seeds: Seeds, evaluate_every: int, saved: ResumeState
) -> tuple[Rows, Step]:
    """The rows and the step of the last round, or of the round where training failed."""
    if saved.state:
        rows, step = list(saved.state.rows), saved.step()
        log.info(f"resuming after round {step.t}")
    else:
        step = loop.begin(context, phase, start(context, seeds, None), Costs())
        rows = [loop.row(context, phase, step)]
        saved.offer(step, rows)
    watched = saved.folder.parent if context.group.first else None
    progress = Progress("warm-up", phase.last, watched)
    steps = () if failed(rows) else loop.run(context, phase, step, seeds)
    for step in steps:
        if step.t % evaluate_every == 0 or step.t == phase.last:
            rows.append(loop.row(context, phase, step))
            progress.note(rows[-1].columns())
        saved.offer(step, rows)
        progress.step(step.t)
        if failed(rows):
            break
    return rows, step


def failed(rows: Rows) -> bool:
    """Whether the last measurement was that of a diverged model."""
    return rows[-1].diverged


def _put(files: list[Path], snapshots: Path) -> None:
    """The snapshots under the name that others read, all or none."""
    staged = snapshots.with_name(f".{snapshots.name}-{secrets.token_hex(4)}.tmp")
    staged.mkdir(parents=True)
    for file in files:
        try:
            os.link(file, staged / file.name)
        except OSError:  # a file system without second names
            shutil.copy2(file, staged / file.name)
    shutil.rmtree(snapshots, ignore_errors=True)
    os.replace(staged, snapshots)
