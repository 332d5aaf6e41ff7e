"""The model that a path stands for: a checkpoint's own, or the latest of a run or a warm-up."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from zowarmup.common.errors import UserError, reading
from zowarmup.inspection.look import kinds
from zowarmup.inspection.result_paths import home_of
from zowarmup.plan.snapshots import saved_rounds
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import Checkpoint
from zowarmup.training import replay

# Shows how far something is that takes a while.
Bar = Callable[[Iterable[Any], int], Iterable[Any]]


def no_bar(steps: Iterable[Any], total: int) -> Iterable[Any]:
    """Shows nothing."""
    return steps


@dataclass(frozen=True)
class Model:
    """A model with where it is from.

    Attributes:
        file: its checkpoint; None if it was rebuilt from a journal.
        home: the folder of the job that made it, as far as one is there.
    """

    saved: Checkpoint
    file: Path | None
    home: Path

    @property
    def round(self) -> int:
        """The round that it is of."""
        return int(self.saved.about["round"])


def latest(path: Path, bar: Bar = no_bar) -> Model:
    """The model of a checkpoint, of a run's or a warm-up's last round so far.

    Raises:
        UserError: nothing there, or nothing that has a model.
    """
    with reading(path):
        return _latest(path, bar)


def _latest(path: Path, bar: Bar) -> Model:
    kind, found = kinds.kind_of(path)
    if kind == kinds.CHECKPOINT:
        return Model(checkpoint.load(found), found, home_of(found))
    if kind == kinds.JOURNAL:
        kind, found = kinds.RUN, found.absolute().parent
    if kind == kinds.RUN and not (found / "final.safetensors").is_file():
        return replayed(found, None, bar)
    if kind == kinds.RUN:
        return Model(checkpoint.load(file := found / "final.safetensors"), file, found)
    files = snapshots(found) if kind == kinds.WARMUP else {}
    if not files:
        raise UserError(f"{path}: has no model; give a checkpoint or the folder of a run")
    return Model(checkpoint.load(files[max(files)]), files[max(files)], found)


def at(path: Path, t: int, bar: Bar = no_bar) -> Model:
    """The model of a run or a warm-up after round t: a checkpoint that is there, or replayed.

    Raises:
        UserError: no such round, or one that nothing tells of.
    """
    kind, folder = kinds.kind_of(path)
    if kind in (kinds.JOURNAL, kinds.CHECKPOINT):
        kind, folder = kinds.kind_of(home_of(folder))
    if kind not in (kinds.RUN, kinds.WARMUP):
        raise UserError(f"{path}: a {kind}; give the folder of a run")
    if kind == kinds.RUN:
        run = replay.track(folder)
        if t >= run.pivot:
            return _unrecorded(run, t) or replayed(folder, t, bar)
        folder = run.start.parent.parent if run.start else folder
    kept = snapshots(folder)
    if t not in kept:
        known = ", ".join(map(str, sorted(kept))) or "none"
        raise UserError(
            f"{folder}: round {t} is of a phase in which models travel, of which only snapshots "
            f"are kept; give one of {known}"
        )
    return Model(checkpoint.load(kept[t]), kept[t], home_of(kept[t]))


def _unrecorded(run: replay.Track, t: int) -> Model | None:
    """The checkpoint of a round that no record leads to: the last one, or where a job goes on."""
    try:
        replay.check(run, t)
    except UserError:
        folder = run.folder
        saved = folder.glob(f"state/phase-*/{checkpoint.snapshot('', t)}")
        for file in (folder / "final.safetensors", *saved):
            if file.is_file() and (found := checkpoint.load(file)).about["round"] == t:
                return Model(found, file, folder)
    return None


def replayed(folder: Path, t: int | None, bar: Bar = no_bar) -> Model:
    """The model of a run after round t of its journal, by default the last that is there.

    Raises:
        UserError: no such round.
    """
    run = replay.track(folder)
    if t is not None:
        replay.check(run, t)
    end, w = _reached(run, t, bar)
    if t not in (None, end):
        raise UserError(
            f"{folder}: round {t} is not there; the journal goes from {run.pivot} to {end} so far"
        )
    return Model(Checkpoint(run.model.named(w), run.about | {"round": end}, {}), None, folder)


def _reached(run: replay.Track, t: int | None, bar: Bar) -> tuple[int, Tensor]:
    """The last round up to t, and its model."""

    def steps() -> Iterator[tuple[int, Tensor]]:
        for step in replay.rounds(run):
            yield step
            if step[0] == t:
                return

    total = (run.last if t is None else t) - run.pivot + 1
    end, w = deque(bar(steps(), total), maxlen=1)[0]
    return end, w.cpu()


def snapshots(folder: Path) -> dict[int, Path]:
    """Those of a warm-up by their rounds, finished or not."""
    for name in ("snapshots", "state", "partial"):
        if found := saved_rounds(folder / name):
            return found
    return {}
