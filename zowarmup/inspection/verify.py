"""`zowarmup verify`: check that a results folder agrees with its records.

A finding has one of three levels: wrong (a file, an input, the code or a replay does not agree with
the record of a job), mixed (jobs ran with different versions or devices, so their bits differ), or
note (something cannot be checked).
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch
from tqdm import tqdm

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import read_json
from zowarmup.data import dataset_file, federation
from zowarmup.inspection import layers, models
from zowarmup.inspection.evaluate import against, measure
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.provenance import JobRecord, is_installed_code, record_of
from zowarmup.inspection.results import Place, places, row_at
from zowarmup.plan import source_record
from zowarmup.plan.graph import RESULT
from zowarmup.plan.specs import SelectionSpec
from zowarmup.storage.provenance import kind_of_device
from zowarmup.storage.run_json import sha256
from zowarmup.training import replay
from zowarmup.training.phases import has_records

WRONG, MIXED, NOTE = "wrong", "mixed", "note"
ALIKE = ("torch", "device")  # what all jobs should have in common


class Verifier:
    """Checks results/<config> one job at a time; holds findings by level and counts by kind."""

    def __init__(self) -> None:
        self.findings: dict[str, list[Facts]] = {WRONG: [], MIXED: [], NOTE: []}
        self.counts: Counter[str] = Counter()
        self.records: dict[Path, JobRecord] = {}
        self.sha256 = cache(sha256)  # many jobs read the same file

    def check(self, place: Place, deep: bool) -> None:
        """Run all checks of a folder, with `deep` also evaluations; damage ends one check only."""
        checks = [self._data]
        if place.rule in RESULT:
            if not (place.folder / RESULT[place.rule]).is_file():
                return self._say(NOTE, place.folder, "not finished")
            checks = [self._job]
            if place.rule == "train":
                checks += [self._replay, *([self._evaluate] if deep else [])]
        for check in checks:
            try:
                with reading(place.folder):
                    check(place)
            except UserError as error:
                self._say(WRONG, *str(error).split(": ", 1))

    def compare_machines(self) -> None:
        """Find the jobs whose version or device differs from that of most jobs."""
        for key in ALIKE:
            values = Counter(getattr(record, key) for record in self.records.values())
            most = max(values, key=values.__getitem__, default=None)
            for folder, record in self.records.items():
                if (own := getattr(record, key)) != most:
                    self._say(MIXED, folder, f"made with {key} {own}, most other jobs with {most}")

    def _say(self, level: str, path: Path | str, says: str = "") -> None:
        finding = {"path": str(path), "says": says}
        if finding not in self.findings[level]:
            self.findings[level].append(finding)

    def _job(self, place: Place) -> None:
        """Hashes and digests of one finished job."""
        record = self.records[place.folder] = _record(place)
        self.counts["jobs"] += 1
        for name, expected in record.outputs.items():
            file = place.folder / name
            if file.is_file():
                self._same(file, expected, "it has changed since it was made")
            elif file.parent.name == "snapshots":
                self._say(NOTE, place.folder, "some snapshots were cleaned away")
            else:
                self._say(WRONG, file, "it is missing")
        files = dict(inputs(place, record))
        for name, expected in record.inputs.items():
            if (path := files.get(name)) and path.is_file():
                self._same(path, expected, f"it is not the file that {place.folder} was made from")
            else:
                self._say(NOTE, place.folder, f"its input {name} is no longer there")
        if not is_installed_code(record, place):
            self._say(WRONG, place.folder, "made by other code than the installed code")

    def _same(self, file: Path, expected: str, fault: str) -> None:
        self.counts["hashes"] += 1
        if self.sha256(file) != expected:
            self._say(WRONG, file, fault)

    def _replay(self, place: Place) -> None:
        """Check that the pivot's snapshot and the journal give the final model."""
        if not all(map(has_records, replay.track(place.folder).phases)):
            says = "has a phase without records, so it cannot be replayed"
            return self._say(NOTE, place.folder, says)
        self.counts["replays"] += 1
        final = models.load(file := place.folder / "final.safetensors")
        replayed = models.replayed(place.folder)
        if replayed.round != final.round:
            says = f"is of round {final.round}, but its journal ends with {replayed.round}"
            self._say(WRONG, file, says)
        elif layers.sha256(replayed.w) != layers.sha256(final.w):
            if machine := _other_machine(_record(place)):
                says = f"made with {machine}; here its journal gives another model"
                self._say(MIXED, file, says)
            else:
                self._say(WRONG, file, "its journal gives another model")

    def _evaluate(self, place: Place) -> None:
        """Check that the final model gives the last row of metrics.csv."""
        record = _record(place)
        files = record.inputs_of()
        if not files["data"].is_file():
            return self._say(NOTE, place.folder, "its data set is no longer there")
        self.counts["evaluations"] += 1
        model = models.load(place.folder / "final.safetensors")
        measured = measure(model, files["data"], record.spec.engine, files["federation"])
        if (result := against(measured, row_at(place.folder, model.round))) != "the same":
            self._say(WRONG, place.folder / "metrics.csv", f"a new evaluation: {result}")

    def _data(self, place: Place) -> None:
        """Check a data set against its summary and source, a federation against its fingerprint."""
        if (file := place.folder / "federation.json").is_file():
            self.counts["data"] += 1
            federation.load(file)
        if (file := place.folder / "dataset.npz").is_file():
            self.counts["data"] += 1
            if dataset_file.load(file).sha256 != read_json(file.with_suffix(".json")).get("sha256"):
                self._say(WRONG, file, "its sha256 is not the one in dataset.json beside it")
            recorded = file.with_name(source_record.NAME).is_file()
            if recorded and (sentence := source_record.replaced(file)):
                raise UserError(sentence)


def verify(root: Path | str, *, deep: bool = False) -> Facts:
    """Check whether results/<config> agrees with its records; a terminal shows a bar.

    With `deep`, final models are also evaluated again.

    Returns:
        `agrees` (no finding is wrong), `counts` (of comparisons, by kind), and the findings of each
        level (wrong, mixed, note), each with `path` and `says`.
    """
    verifier = Verifier()
    folders = list(places(Path(root).absolute()))
    for place in tqdm(folders, delay=0.5, leave=False, disable=None):
        verifier.check(place, deep)
    verifier.compare_machines()
    agrees = not verifier.findings[WRONG]
    return {"agrees": agrees, "counts": dict(verifier.counts)} | verifier.findings


def text(report: Facts) -> str:
    """A line for each finding, then the counts and the verdict."""
    lines = [
        f"{level}: {finding['path']}: {finding['says']}"
        for level in (NOTE, MIXED, WRONG)
        for finding in report[level]
    ]
    counts = ", ".join(f"{count} {kind}" for kind, count in report["counts"].items())
    verdict = "all agree" if report["agrees"] else f"{len(report[WRONG])} do not agree"
    mixed = f"; {len(report[MIXED])} of mixed versions" if report[MIXED] else ""
    return "\n".join([*lines, f"{counts or 'nothing to check'}: {verdict}{mixed}"])


def inputs(place: Place, record: JobRecord) -> Iterator[tuple[str, Path]]:
    """Yield the files that a job has read, with their names in its record."""
    spec = record.spec
    if not isinstance(spec, SelectionSpec):
        yield from record.inputs_of().items()
        if record.start:
            start = place.folder / record.start
            yield from (("start", start), ("probes", start.parents[1] / "probes.csv"))
        return
    for i, seed in enumerate(spec.seeds):
        files = record.inputs_of(seed)
        yield "data", files["data"]
        yield f"federation.{i}", files["federation"]


def _record(place: Place) -> JobRecord:
    record = record_of(place.folder)
    assert record is not None  # the job has finished
    return record


def _other_machine(record: JobRecord) -> str:
    """Return how version and device of a job differ from this machine: then bits may differ."""
    cuda = record.spec.engine.device == "cuda" and torch.cuda.is_available()
    own = {"torch": str(torch.__version__), "device": kind_of_device("cuda" if cuda else "cpu")}
    others = [(key, getattr(record, key)) for key in ALIKE if getattr(record, key) != own[key]]
    return ", ".join(f"{key} {value}" for key, value in others)
