"""The replay of a run: any intermediate model from its pivot snapshot and its journal.

The run may be unfinished or still training: the first line of its journal holds its provenance.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import ConfigDict
from torch import Tensor, cuda

from zowarmup.algorithms.rounds import Replayable, RoundRecord
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.common.seeds import Seeds
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import Phase, RunSpec
from zowarmup.plan.value import Value
from zowarmup.storage import checkpoint, journal
from zowarmup.storage.checkpoint import About
from zowarmup.training import context
from zowarmup.training.phases import build, has_records, of_model


@dataclass(frozen=True)
class Track:
    """A run from its pivot on, as far as its journal goes.

    Attributes:
        spec: with learning rates as numbers.
        start: the snapshot of the pivot, None for a run without a warm-up.
        about: the facts in its checkpoints.
    """

    folder: Path
    spec: RunSpec
    seed: int
    seeds: Seeds
    start: Path | None
    about: About

    @property
    def pivot(self) -> int:
        """The last round before the journal."""
        return self.spec.pivot

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases after the pivot."""
        return self.spec.own_phases

    @property
    def last(self) -> int:
        """The last round of the finished run."""
        return self.spec.rounds

    @property
    def model(self) -> FlatModel:
        """The network."""
        return model_about(self.about)

    def records(self) -> Iterator[RoundRecord]:
        """Yield the journal's records one at a time, since all of them may not fit into memory.

        Raises:
            JournalError: the journal is missing, damaged, or of another version.
        """
        journal.provenance_of(path := self.folder / "journal.jsonl")
        entries = (entry for entry, _ in journal.scan(path))
        return map(RoundRecord.from_json, itertools.islice(entries, 1, None))


def track(folder: Path | str) -> Track:
    """Read a run from disk, finished or not.

    Raises:
        UserError: the folder holds no run.
    """
    folder = Path(folder)
    if not (file := folder / "run.json").is_file():
        file = folder / "journal.jsonl"
    if not file.is_file():
        raise UserError(f"{folder}: has no run.json or journal.jsonl; give the folder of a run")
    with reading(file):
        values = read_json(file) if file.suffix == ".json" else journal.provenance_of(file)
        spec = values.get("spec")
        if not isinstance(spec, dict) or "phases" not in spec:
            raise UserError(f"{folder}: holds no run; give the folder of a run")
        run = RunProvenance.read(values)
        start = folder / run.start if run.start else None
        about = _about(folder, run.spec, start)
    return Track(folder, run.spec, run.seed, Seeds(**run.seeds), start, about)


class RunProvenance(Value):
    """The part of a run's provenance that decides how its models are replayed.

    Attributes:
        start: the snapshot of the pivot, relative to the run's folder.
    """

    model_config = ConfigDict(extra="ignore")

    spec: RunSpec
    seed: int
    seeds: dict[str, int]
    start: str | None


def _about(folder: Path, spec: RunSpec, start: Path | None) -> About:
    """Return the facts of the nearest checkpoint, else facts from the summary of the data set."""
    for file in (folder / "final.safetensors", start):
        if file is not None and file.is_file():
            return checkpoint.load(file).about
    if start is not None:
        raise UserError(f"{start}: no such file, but the run starts there; recreate its warm-up")
    summary = read_json(folder.parents[2] / "datasets" / spec.dataset / "dataset.json")
    sizes = {"shape": summary["shapes"]["x_train"][1:], "classes": summary["classes"], "round": 0}
    own = spec.network.model_dump(mode="json") if spec.network else None
    facts = {"model": spec.model, "network": own, "width": spec.width, **sizes}
    return About.read(facts)


def model_of(saved: checkpoint.Checkpoint) -> FlatModel:
    """Return the network of a checkpoint."""
    return model_about(saved.about)


def model_about(about: About) -> FlatModel:
    """The network that a checkpoint's facts describe."""
    return context.model(about.model, about.shape, about.classes, about.width, about.network)


def begin(run: Track) -> Tensor:
    """The model at the pivot, (d,), on the run's kind of device if this machine has one."""
    device = "cuda" if run.spec.engine.device == "cuda" and cuda.is_available() else "cpu"
    if run.start is None:
        return run.model.initial(run.seeds.initialisation).to(device)
    return checkpoint.weights(run.start, run.model).to(device)


def rounds(run: Track) -> Iterator[tuple[int, Tensor]]:
    """Yield the pivot and each later round of the journal, with the model, bit for bit as trained.

    Ends with the journal, or before a phase whose rounds leave no records.

    Raises:
        JournalError: the journal is missing or damaged.
    """
    w, t = begin(run), run.pivot
    yield t, w
    records = run.records()
    for phase in itertools.takewhile(has_records, run.phases):
        method = cast(Replayable, of_model(build(phase), run.model))
        own = itertools.islice(records, phase.rounds)
        with journal.named(run.folder / "journal.jsonl"):
            for state in journal.replay(method.begin(w), own, method, run.seeds):
                w, t = state.w, t + 1
                yield t, w


def check(run: Track, t: int) -> None:
    """Check, before any replay, that the records of a run can reach round t.

    Raises:
        UserError: the records cannot reach round t.
    """
    end = run.pivot
    for phase in run.phases:
        if end < t and not has_records(phase):
            raise UserError(
                f"{run.folder}: the rounds of {phase.algorithm} from {end + 1} on leave no "
                "records; give a round before them"
            )
        end += phase.rounds
    if not run.pivot <= t <= end:
        raise UserError(
            f"{run.folder}: round {t} is not between {run.pivot} and {end}; give one in this range"
        )
