"""`zowarmup verify`: whether a results folder is what its records say, and of one making.

Three kinds of findings:

    wrong   a file, an input, the code or a replay does not agree with the record of a job
    mixed   jobs were made with different versions or devices: numbers of one kind of machine alone
            are the same bits
    note    what cannot be checked, such as results of older versions that recorded less
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.data import datasets, federation
from zowarmup.inspection import models
from zowarmup.inspection.evaluate import against, measured
from zowarmup.inspection.metric_rows import last_row
from zowarmup.inspection.provenance import Facts, inputs_of, provenance_of
from zowarmup.inspection.result_paths import Place, places
from zowarmup.plan import source_record
from zowarmup.plan.graph import RESULT
from zowarmup.plan.job_digest import codes
from zowarmup.storage import checkpoint
from zowarmup.storage.provenance import kind_of_device
from zowarmup.storage.run_json import sha256
from zowarmup.training import loop, replay

WRONG, MIXED, NOTE = "wrong", "mixed", "note"
ALIKE = ("torch", "device")  # in what all jobs should be alike

Check = tuple[Path, Callable[[], Iterator["Finding"]]]  # of what folder, and what to do


@dataclass(frozen=True)
class Finding:
    """Something to be said about a file or a job."""

    level: str
    path: str
    says: str


@dataclass
class Verifier:
    """Goes through results/<config>.

    Attributes:
        deep: final models are evaluated again, too.
        counts: what was compared, and how often.
    """

    root: Path
    deep: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    provenances: dict[Path, Facts] = field(default_factory=dict)
    hashes: dict[Path, str] = field(default_factory=dict)

    def checks(self) -> list[Check]:
        """Everything there is to do, one job's files or replay at a time."""
        found: list[Check] = []
        for place in places(self.root):
            if place.rule in RESULT:
                found += self._of_job(place)
            elif place.kind in ("datasets", "federations"):
                found.append((place.folder, partial(self._data, place)))
        return [*found, (self.root, self._mixed)]

    def _of_job(self, place: Place) -> list[Check]:
        if not (place.folder / RESULT[place.rule]).is_file():
            return [(place.folder, lambda: iter([_note(place.folder, "not finished")]))]
        steps = [self._job, self._replay] if place.rule == "train" else [self._job]
        return [(place.folder, partial(step, place)) for step in steps]

    def _job(self, place: Place) -> Iterator[Finding]:
        """Hashes and digests of one finished job."""
        made = provenance_of(place.folder) or {}
        self.provenances[place.folder] = made
        self.counts["jobs"] += 1
        yield from self._outputs(place, made)
        yield from self._inputs(place, made)
        if made.get("code") not in codes(place.rule, made["spec"]):
            yield Finding(WRONG, str(place.folder), "made by other code than is here")

    def _outputs(self, place: Place, made: Facts) -> Iterator[Finding]:
        if "outputs" not in made and place.rule != "select":
            yield _note(place.folder, "made by an older version, which recorded no hashes")
        for name, told in made.get("outputs", {}).items():
            file = place.folder / name
            if file.is_file():
                yield from self._same(file, told, "it has changed since it was made")
            elif file.parent.name == "snapshots":
                yield _note(place.folder, "some snapshots were cleaned away")
            else:
                yield Finding(WRONG, str(file), "it is missing")

    def _inputs(self, place: Place, made: Facts) -> Iterator[Finding]:
        files = dict(inputs(place, made))
        for name, told in made.get("inputs", {}).items():
            file = files.get(name)
            if file is not None and file.is_file():
                yield from self._same(file, told, f"not what {place.folder} was made from")
            else:
                yield _note(place.folder, f"its {name} is not here any more")

    def _same(self, file: Path, told: str, otherwise: str) -> Iterator[Finding]:
        self.counts["hashes"] += 1
        if file not in self.hashes:
            self.hashes[file] = sha256(file)
        if self.hashes[file] != told:
            yield Finding(WRONG, str(file), otherwise)

    def _replay(self, place: Place) -> Iterator[Finding]:
        """Whether pivot and journal give the final model, and that its measurements."""
        file = place.folder / "final.safetensors"
        saved = checkpoint.load(file)
        if all(map(loop.has_records, (run := replay.track(place.folder)).phases)):
            self.counts["replays"] += 1
            again = models.replayed(place.folder, None)
            if again.round != saved.about["round"]:
                said = f"of round {saved.about['round']}, its journal ends with {again.round}"
                yield Finding(WRONG, str(file), said)
            elif _bits(run, again.saved) != _bits(run, saved):
                yield self._otherwise(place, file)
        else:
            yield _note(place.folder, "has a phase in which models travel: nothing to replay")
        if self.deep:
            yield from self._measure(place, file)

    def _otherwise(self, place: Place, file: Path) -> Finding:
        """A replay that gives other bits; on another kind of machine that may be right."""
        made = provenance_of(place.folder) or {}
        cuda = made["spec"]["engine"]["device"] == "cuda" and torch.cuda.is_available()
        here = {"torch": str(torch.__version__)}
        here["device"] = kind_of_device("cuda" if cuda else "cpu")
        others = [f"{key} {made[key]}" for key in ALIKE if made.get(key, here[key]) != here[key]]
        if others:
            says = f"made with {', '.join(others)}, its journal gives another model here"
            return Finding(MIXED, str(file), says)
        return Finding(WRONG, str(file), "its journal gives another model")

    def _measure(self, place: Place, file: Path) -> Iterator[Finding]:
        made = provenance_of(place.folder) or {}
        files = inputs_of(place.folder, made["spec"], made["seed"])
        if not files["data"].is_file():
            yield _note(place.folder, "its data is not here any more")
            return
        self.counts["evaluations"] += 1
        given = models.latest(file)
        data = datasets.load(files["data"])
        rated = measured(given, data, made["spec"]["engine"], files["federation"])
        if (said := against(rated, last_row(place.folder))) != "the same":
            yield Finding(WRONG, str(place.folder / "metrics.csv"), f"evaluated again it {said}")

    def _data(self, place: Place) -> Iterator[Finding]:
        """A data set against its summary, a federation against its own fingerprint."""
        for name in ("dataset.npz", "federation.json"):
            file = place.folder / name
            if file.is_file():
                self.counts["data"] += 1
                if name == "federation.json":
                    federation.load(file)
                    continue
                if datasets.load(file).sha256 != _told(file):
                    yield Finding(WRONG, str(file), "not what dataset.json beside it says")
                yield from _source(file)

    def _mixed(self) -> Iterator[Finding]:
        """What some jobs were made with and others were not; the rarer are named."""
        for key in ALIKE:
            values = Counter(made.get(key) for made in self.provenances.values() if made.get(key))
            most = values.most_common(1)[0][0] if values else None
            for folder, made in self.provenances.items():
                if made.get(key) not in (None, most):
                    says = f"made with {key} {made[key]}, most others with {most}"
                    yield Finding(MIXED, str(folder), says)


def verify(root: Path, *, deep: bool = False, bar: models.Bar = models.no_bar) -> Facts:
    """All findings about results/<config>.

    Returns:
        agrees: whether nothing is wrong; counts; findings by level, each with path and says.
    """
    verifier, found = Verifier(root, deep), []
    checks = verifier.checks()
    for folder, check in bar(checks, len(checks)):
        try:
            with reading(folder):
                found += list(check())
        except UserError as error:
            found.append(Finding(WRONG, *_split(str(error))))
    levels = {
        level: [{"path": f.path, "says": f.says} for f in dict.fromkeys(found) if f.level == level]
        for level in (WRONG, MIXED, NOTE)
    }
    return {"agrees": not levels[WRONG], "counts": dict(verifier.counts)} | levels


def inputs(place: Place, made: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """What a job has read, by the names in its record."""
    spec = made["spec"]
    if place.rule != "select":
        yield from inputs_of(place.folder, spec, made["seed"]).items()
        if made.get("start"):
            yield "start", place.folder / made["start"]
        return
    for i, seed in enumerate(spec["seeds"]):
        files = inputs_of(place.folder, spec, seed)
        yield "data", files["data"]
        yield f"federation.{i}", files["federation"]
        if spec["warmup"]:
            folder = place.root / "warmups" / spec["warmup"] / str(seed) / "snapshots"
            yield f"start.{i}", checkpoint.snapshot(folder, spec["start"])


def _bits(run: replay.Track, saved: checkpoint.Checkpoint) -> bytes:
    return bytes(run.model.flatten(saved.named).numpy().tobytes())


def _source(data: Path) -> Iterator[Finding]:
    """A data set against the files that it was made from, where they lie now."""
    if not data.with_name(source_record.NAME).is_file():
        yield _note(data, "made by an older version, which recorded no files that it was made from")
    elif said := source_record.replaced_since(data):
        yield Finding(WRONG, *_split(said))


def _told(file: Path) -> str:
    return str(read_json(file.with_suffix(".json")).get("sha256"))


def _note(path: Path, says: str) -> Finding:
    return Finding(NOTE, str(path), says)


def _split(sentence: str) -> tuple[str, str]:
    """File and complaint of an error's sentence."""
    path, colon, says = sentence.partition(": ")
    return (path, says) if colon else ("", sentence)
