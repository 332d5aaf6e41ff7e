"""The warm-up: one first-order trajectory with snapshots, which many runs share.

The work in progress lies beside the results, in a folder that the workflow does not know and so
does not delete: a job that was killed goes on from its last snapshot.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from zowarmup.settings.files import atomic_write_text, lock
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, loop
from zowarmup.simulation.loop import Step, Tally
from zowarmup.simulation.progress import Progress, log
from zowarmup.simulation.world import World, start

Spec = Mapping[str, Any]


def run(
    world: World, spec: Spec, seeds: Seeds, *, folder: Path, snapshots: Path, belongs_to: str
) -> list[dict[str, Any]]:
    """Train the trajectory to its end, or to its divergence, and put the snapshots in place.

    Args:
        folder: where the work in progress lies.
        snapshots: where the snapshots are to be in the end, once all are there.
        belongs_to: fingerprint of everything that decides the result; saved work of another
            fingerprint is thrown away.

    Returns:
        The rows of metrics.

    Raises:
        UserError: another process trains this warm-up.
    """
    with lock(folder / "lock"):
        return _run(world, spec, seeds, _State(folder / "partial", belongs_to), snapshots)


def _run(
    world: World, spec: Spec, seeds: Seeds, state: "_State", snapshots: Path
) -> list[dict[str, Any]]:
    phase = {**spec["phase"], "rounds": spec["rounds"] - state.t}
    w = start(world, seeds, checkpoint.snapshot(state.folder, state.t) if state.rows else None)
    if state.rows:
        log.info(f"going on after round {state.t}")
    else:
        state.keep(world, spec, phase, Step(0, w, Tally(), None))
    progress = Progress("warm-up", spec["rounds"])
    step = Step(state.t, w, state.tally, None)
    steps = loop.run(world, phase, w, seeds, first=state.t + 1, tally=state.tally)
    while not state.failed and step.t < spec["rounds"]:
        step = next(steps)
        if state.keep(world, spec, phase, step):
            progress.note(state.rows[-1])
        progress.step(step.t)
    if state.failed:
        state.fill(world, spec, step)
    shutil.rmtree(snapshots, ignore_errors=True)
    os.replace(state.folder, snapshots)
    (snapshots / "state.json").unlink()
    return state.rows


class _State:
    """What a killed job can go on from: snapshots, rows and tally up to the last snapshot."""

    def __init__(self, folder: Path, belongs_to: str) -> None:
        self.folder, self.belongs_to = folder, belongs_to
        self.t, self.rows, self.tally = 0, [], Tally()  # type: int, list[dict[str, Any]], Tally
        try:
            saved = json.loads((folder / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            saved = {}
        if saved.get("belongs_to") == belongs_to:
            self.t, self.rows, self.tally = saved["t"], saved["rows"], Tally(**saved["tally"])
        else:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    @property
    def failed(self) -> bool:
        """Whether the last measurement was that of a diverged model."""
        return bool(self.rows) and bool(self.rows[-1]["diverged"])

    def keep(self, world: World, spec: Spec, phase: Spec, step: Step) -> bool:
        """Measure and save the step where that is due; returns whether it was measured."""
        ends = step.t == spec["rounds"]
        measure = ends or step.t % spec["evaluate_every"] == 0
        if measure:
            self.rows.append(loop.row(world, phase, 1, step))
        if ends or step.t % spec["snapshot_every"] == 0:
            self._save(world, spec, step.t, step.w, step.tally)
        return measure

    def fill(self, world: World, spec: Spec, step: Step) -> None:
        """Let the diverged model stand for all later ones: what starts there starts from it."""
        for t in range(step.t + 1, spec["rounds"] + 1):
            if t % spec["snapshot_every"] == 0 or t == spec["rounds"]:
                self._save(world, spec, t, step.w, step.tally)

    def _save(self, world: World, spec: Spec, t: int, w: Tensor, tally: Tally) -> None:
        about = {"model": spec["model"], "shape": world.shape, "classes": world.classes, "round": t}
        checkpoint.save(checkpoint.snapshot(self.folder, t), world.model, w, about)
        state = {"belongs_to": self.belongs_to, "t": t, "rows": self.rows, "tally": asdict(tally)}
        atomic_write_text(self.folder / "state.json", json.dumps(state))
