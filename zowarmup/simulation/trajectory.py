"""The warm-up: one first-order trajectory with snapshots, which many runs share.

The work in progress lies beside the results, in a folder that the workflow does not know and so
does not delete: a job that was killed goes on from its last snapshot.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zowarmup.algorithms.rounds import State
from zowarmup.settings.files import atomic_write_text, lock
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, loop
from zowarmup.simulation.loop import Step
from zowarmup.simulation.progress import Progress, log
from zowarmup.simulation.ranks import Ranks
from zowarmup.simulation.tally import Tally
from zowarmup.simulation.world import World, about, start

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
    with lock(folder / "lock") if world.ranks.first else nullcontext():
        saved = _Saved(folder / "partial", belongs_to, world.ranks)
        return _run(world, spec, seeds, saved, snapshots)


def _run(
    world: World, spec: Spec, seeds: Seeds, saved: "_Saved", snapshots: Path
) -> list[dict[str, Any]]:
    phase = {**spec["phase"], "rounds": spec["rounds"] - saved.t}
    step = saved.start(world, phase, seeds)
    if saved.rows:
        log.info(f"going on after round {saved.t}")
    else:
        saved.keep(world, spec, phase, step)
    progress = Progress("warm-up", spec["rounds"])
    steps = loop.run(world, phase, step.state, seeds, first=step.t + 1, tally=step.tally)
    while not saved.failed and step.t < spec["rounds"]:
        step = next(steps)
        if saved.keep(world, spec, phase, step):
            progress.note(saved.rows[-1])
        progress.step(step.t)
    if saved.failed:
        saved.fill(world, spec, step)
    world.ranks.wait()  # all have read what they go on from
    if world.ranks.first:
        shutil.rmtree(snapshots, ignore_errors=True)
        os.replace(saved.folder, snapshots)
        (snapshots / "state.json").unlink()
    return saved.rows


class _Saved:
    """What a killed job can go on from: snapshots, rows and tally up to the last snapshot.

    Only the first process writes; the others are told what it finds.
    """

    def __init__(self, folder: Path, belongs_to: str, ranks: Ranks) -> None:
        self.folder, self.belongs_to, self.writes = folder, belongs_to, ranks.first
        self.t, self.rows, self.tally = 0, [], Tally()  # type: int, list[dict[str, Any]], Tally
        if saved := ranks.agree(self._found):
            self.t, self.rows, self.tally = saved["t"], saved["rows"], Tally(**saved["tally"])

    def _found(self) -> dict[str, Any]:
        """What was saved last; where that is nothing of this warm-up, an empty folder is made."""
        try:
            saved: dict[str, Any] = json.loads((self.folder / "state.json").read_text())
        except (FileNotFoundError, ValueError):
            saved = {}
        if saved.get("belongs_to") == self.belongs_to:
            return saved
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return {}

    def start(self, world: World, phase: Spec, seeds: Seeds) -> Step:
        """Where to go on: at the last snapshot, or at the initialisation."""
        snapshot = checkpoint.snapshot(self.folder, self.t) if self.rows else None
        w = start(world, seeds, snapshot)
        if snapshot is None:
            return Step(0, *loop.begin(world, phase, w, self.tally))
        kept = checkpoint.load(snapshot).server
        server = {name: tensor.to(world.device) for name, tensor in kept.items()}
        return Step(self.t, State(w, server), self.tally)

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
            self._save(world, spec, step.t, step.state, step.tally)
        return measure

    def fill(self, world: World, spec: Spec, step: Step) -> None:
        """Let the diverged model stand for all later ones: what starts there starts from it."""
        for t in range(step.t + 1, spec["rounds"] + 1):
            if t % spec["snapshot_every"] == 0 or t == spec["rounds"]:
                self._save(world, spec, t, step.state, step.tally)

    def _save(self, world: World, spec: Spec, t: int, state: State, tally: Tally) -> None:
        if not self.writes:
            return
        path = checkpoint.snapshot(self.folder, t)
        checkpoint.save(path, world.model, state, about(world, spec, t))
        so_far = {"belongs_to": self.belongs_to, "t": t, "rows": self.rows, "tally": asdict(tally)}
        atomic_write_text(self.folder / "state.json", json.dumps(so_far))
