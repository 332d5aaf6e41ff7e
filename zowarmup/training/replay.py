"""Any intermediate model of a run, rebuilt from its pivot snapshot and its journal.

The run need not be finished, nor stopped: the first line of its journal says what it is.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from torch import Tensor, cuda

from zowarmup.algorithms.rounds import Replayable
from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.common.seeds import Seeds
from zowarmup.models.flat import FlatModel
from zowarmup.plan.job_digest import own_phases
from zowarmup.storage import checkpoint, journal
from zowarmup.training import context, loop

Facts = dict[str, Any]


@dataclass(frozen=True)
class Track:
    """A run from its pivot on, as far as its journal goes.

    Attributes:
        spec: its description, learning rates chosen.
        start: the snapshot of the pivot, None for a run without a warm-up.
        about: what its checkpoints say about the network.
    """

    folder: Path
    spec: Facts
    seed: int
    seeds: Seeds
    start: Path | None
    about: Facts

    @property
    def pivot(self) -> int:
        """The last round before the journal."""
        return int(self.spec["phases"][0]["rounds"]) if self.start else 0

    @property
    def phases(self) -> list[Facts]:
        """Those after the pivot."""
        return list(map(dict, own_phases(self.spec)))

    @property
    def last(self) -> int:
        """The last round that the run is to have."""
        return self.pivot + sum(phase["rounds"] for phase in self.phases)

    @property
    def model(self) -> FlatModel:
        """The network."""
        return model_about(self.about)

    def records(self) -> Iterator[journal.Record]:
        """Those of the journal, one at a time: many clients' do not fit memory.

        Raises:
            JournalError: missing, damaged, or of something else.
        """
        journal.provenance_of(path := self.folder / "journal.jsonl")
        return itertools.islice((record for record, _ in journal.scan(path)), 1, None)


def track(folder: Path | str) -> Track:
    """A run on disk, finished or not.

    Raises:
        UserError: the folder holds none.
    """
    folder = Path(folder)
    made = _made(folder)
    start = folder / made["start"] if made["start"] else None
    about = _about(folder, made["spec"], start)
    return Track(folder, made["spec"], made["seed"], Seeds(**made["seeds"]), start, about)


def _made(folder: Path) -> Facts:
    """What made the run, from its record or else from the first line of its journal."""
    record, path = folder / "run.json", folder / "journal.jsonl"
    if not record.is_file() and not path.is_file():
        raise UserError(f"{folder}: neither run.json nor journal.jsonl; give the folder of a run")
    made: Facts = read_json(record) if record.is_file() else journal.provenance_of(path)
    if "phases" not in made.get("spec", {}):
        raise UserError(f"{folder}: not the folder of a run; give one of results/<name>/runs")
    return made


def _about(folder: Path, spec: Facts, start: Path | None) -> Facts:
    """From the nearest checkpoint, else from the summary of the data."""
    for file in (folder / "final.safetensors", start):
        if file is not None and file.is_file():
            return checkpoint.load(file).about
    if start is not None:
        raise UserError(f"{start}: no such file; the run starts there, so let it be made again")
    summary = read_json(folder.parents[2] / "datasets" / spec["dataset"] / "dataset.json")
    own = {key: spec[key] for key in ("model", "width")}
    return own | {"shape": summary["shapes"]["x_train"][1:], "classes": summary["classes"]}


def model_of(saved: checkpoint.Checkpoint) -> FlatModel:
    """The network that a checkpoint is of."""
    return model_about(saved.about)


def model_about(about: Facts) -> FlatModel:
    """The network that a checkpoint's facts describe."""
    return context.model(about["model"], tuple(about["shape"]), about["classes"], about["width"])


def begin(run: Track) -> Tensor:
    """The model at the pivot, on the kind of device that trained the run, if one is here."""
    device = "cuda" if run.spec["engine"]["device"] == "cuda" and cuda.is_available() else "cpu"
    if run.start is None:
        return run.model.initial(run.seeds.initialisation).to(device)
    return checkpoint.weights(run.start, run.model).to(device)


def rounds(run: Track) -> Iterator[tuple[int, Tensor]]:
    """The pivot and each later round of the journal with its model, bit for bit as in training.

    Ends with the journal, or before a phase whose rounds leave no records.

    Raises:
        JournalError: missing or damaged.
    """
    w, t = begin(run), run.pivot
    yield t, w
    records = run.records()
    for phase in itertools.takewhile(loop.has_records, run.phases):
        method = cast(Replayable, loop.algorithm(phase))
        own = itertools.islice(records, phase["rounds"])
        with journal.named(run.folder / "journal.jsonl"):
            for state in journal.replay(method.begin(w), own, method, run.seeds):
                w, t = state.w, t + 1
                yield t, w


def check(run: Track, t: int) -> None:
    """Whether the records of a run could reach round t, before any is replayed.

    Raises:
        UserError: they could not.
    """
    end = run.pivot
    for phase in run.phases:
        if end < t and not loop.has_records(phase):
            raise UserError(
                f"{run.folder}: the rounds of {phase['algorithm']} from {end + 1} on leave no "
                "records; give a round before them"
            )
        end += phase["rounds"]
    if not run.pivot <= t <= end:
        raise UserError(
            f"{run.folder}: round {t} is not between {run.pivot} and {end}; give one that is"
        )
