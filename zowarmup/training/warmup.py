"""The warm-up: one first-order trajectory with snapshots, which many runs share.

The work lies beside the results, in a folder that the workflow does not know and so does not
delete: a job that was killed goes on from there, and one that is run again, because Snakemake
thinks its outputs incomplete, only puts them in place. The snapshots are the same files under a
second name.
"""

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.seeds import Seeds
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import checkpoint
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop
from zowarmup.training.context import Context, start
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.resume_state import ResumeState

Spec = Mapping[str, Any]
Rows = list[dict[str, Any]]


def run(
    context: Context,
    spec: Spec,
    seeds: Seeds,
    *,
    folder: Path,
    snapshots: Path,
    provenance: Provenance,
) -> Rows:
    """Train the trajectory to its end, or to its divergence, and put the snapshots in place.

    Args:
        folder: where the work lies.
        snapshots: where the snapshots are to be in the end, once all are there.
        origin: everything that decides the result; saved work of another one is thrown away.

    Returns:
        The rows of metrics.
    """

    def stays(t: int) -> bool:
        return t % spec["snapshot_every"] == 0 or t == spec["rounds"]

    with ResumeState(folder / "state", provenance, context, spec, stays) as saved:
        rows, step = _train(context, spec, seeds, saved)
        if _failed(rows):  # the diverged model stands for all later ones: what starts there
            for t in filter(stays, range(step.t + 1, spec["rounds"] + 1)):
                saved.offer(Step(t, step.state, step.costs), rows=rows)
        context.group.wait()  # all have read what they go on from
    if context.group.first:
        rounds = filter(stays, range(spec["rounds"] + 1))
        _put([checkpoint.snapshot(folder / "state", t) for t in rounds], snapshots)
    return rows


def _train(context: Context, spec: Spec, seeds: Seeds, saved: ResumeState) -> tuple[Rows, Step]:
    """Up to the last round, or to that where it has failed."""
    phase, rows = spec["phase"], list(saved.found.get("rows", []))
    if rows:
        step = saved.step()
        log.info(f"going on after round {step.t}")
    else:
        step = Step(0, *loop.begin(context, phase, start(context, seeds, None), Costs()))
        rows.append(loop.row(context, phase, 1, step))
        saved.offer(step, rows=list(rows))
    progress = Progress(
        "warm-up", spec["rounds"], saved.folder.parent if context.group.first else None
    )
    end = step.t if _failed(rows) else spec["rounds"]
    steps = loop.after(context, phase, step, seeds, end)
    for step in steps:
        if step.t % spec["evaluate_every"] == 0 or step.t == spec["rounds"]:
            rows.append(loop.row(context, phase, 1, step))
            progress.note(rows[-1])
        saved.offer(step, rows=list(rows))
        progress.step(step.t)
        if _failed(rows):
            break
    return rows, step


def _failed(rows: Rows) -> bool:
    """Whether the last measurement was that of a diverged model."""
    return bool(rows[-1]["diverged"])


def _put(files: list[Path], snapshots: Path) -> None:
    """The snapshots under the name that others know, all or none."""
    made = snapshots.with_name(f".{snapshots.name}-{secrets.token_hex(4)}.tmp")
    made.mkdir(parents=True)
    for file in files:
        try:
            os.link(file, made / file.name)
        except OSError:  # a file system without second names
            shutil.copy2(file, made / file.name)
    if snapshots.is_symlink():  # into the cache that workflows share
        snapshots.unlink()
    shutil.rmtree(snapshots, ignore_errors=True)
    os.replace(made, snapshots)
