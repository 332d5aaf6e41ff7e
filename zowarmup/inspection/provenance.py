"""The provenance of a result, read from its run.json, selection, saved state or journal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.inspection import kinds
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.results import Place, place_of
from zowarmup.plan.graph import codes
from zowarmup.plan.pivots.rules import Decision
from zowarmup.plan.specs import RunSpec, Selected, TrainingSpec, read_spec
from zowarmup.runtime.machine import said
from zowarmup.storage import journal, machines_json

# The files of a job that hold its provenance, the latest first.
RECORDS = ("run.json", "selection.json", "state/state.json", "journal.jsonl")


@dataclass(frozen=True)
class JobRecord:
    """The provenance of a job's results, and further facts that a finished job recorded."""

    file: Path  # the file with the record
    spec: TrainingSpec
    code: str
    inputs: Mapping[str, str]  # sha256 of each file that was read, by name, e.g. "data"
    torch: str
    device: str
    seed: int | None = None  # None for a selection, which has several
    seeds: Mapping[str, int] = field(default_factory=dict)  # by kind of draw
    start: str | None = None  # the snapshot that a run starts from, relative to its folder
    outputs: Mapping[str, str] = field(default_factory=dict)  # sha256 by path below the folder
    decided: Mapping[str, Any] = field(default_factory=dict)  # by probes, see jobs.adaptive
    machines: tuple[Any, ...] = ()
    commit: str | None = None
    finished: str | None = None

    def phase_at(self, t: int) -> str | None:
        """Number and algorithm of the phase that round t belongs to; None after the last one."""
        end = 0
        for number, phase in enumerate(self.spec.phases, start=1):
            end += phase.rounds
            if t <= end:
                return f"{number}, {phase.algorithm}"
        return None

    def inputs_of(self, seed: int | None = None) -> dict[str, Path]:
        """Return the paths of data and federation; {} outside of results. Selections: by seed."""
        place, spec = place_of(self.file), self.spec
        if place is None:
            return {}
        federation = place.root / "federations" / spec.federation
        part = str(spec.pin.get("federation", self.seed if seed is None else seed))
        return {
            "data": place.root / "datasets" / spec.dataset / "dataset.npz",
            "federation": federation / part / "federation.json",
        }


def record_of(folder: Path) -> JobRecord | None:
    """Return the record of the job in a folder; None if no file there holds a record.

    Raises:
        UserError: the file is damaged, or another version wrote it.
    """
    file = next((folder / name for name in RECORDS if (folder / name).is_file()), None)
    return read_record(file) if file else None


def read_record(file: Path) -> JobRecord:
    """Return the record in one of the files of RECORDS.

    Raises:
        UserError: the file is damaged, or another version wrote it.
    """
    with reading(file):
        values: dict[str, Any] = (
            journal.provenance_of(file) if kinds.is_journal(file) else read_json(file)
        )
        values = values.get("origin", values)
        if not isinstance(values.get("start"), str | None):
            raise ValueError("start is not a path")
        recorded = {f.name: values[f.name] for f in fields(JobRecord) if f.name in values}
        return JobRecord(file=file, **recorded | {"spec": read_spec(values["spec"])})


def origin(record: JobRecord | None, folder: Path) -> Facts:
    """Return a record for readers: names, seeds, versions and hashes, but not the whole spec."""
    if record is None:
        return {"not_known": f"no run.json, state.json or journal in {folder} records it"}
    place = place_of(folder)
    job = {"config": place.root.name, place.rule: place.name} if place else {}
    pinned = {f"{k}_seed": v for k, v in record.seeds.items() if v != record.seed}
    machines = record.machines or machines_json.of(folder)
    return {
        **job,
        "seed": record.seed,
        **pinned,
        "settings": _settings(record.spec),
        **_decided(record),
        "code": record.code,
        "code_here": "the same" if is_installed_code(record, place) else "another",
        "torch": record.torch,
        "device": record.device,
        "machine": ", then ".join(map(said, machines)) or None,
        **{f"{name}_sha256": value for name, value in record.inputs.items()},
        "start": record.start,
        "commit": record.commit,
        "finished": record.finished,
        "said_by": os.path.relpath(record.file),
    }


def is_installed_code(record: JobRecord, place: Place | None) -> bool:
    """Return whether the installed code is the code in the record."""
    rule = place.rule if place else "train" if isinstance(record.spec, RunSpec) else "warmup"
    return record.code in codes(rule, record.spec)


def _decided(record: JobRecord) -> Facts:
    """The decisions of a run by the probes along its warm-up, in sentences."""
    facts = dict(record.decided)
    if pivot := facts.get("pivot"):
        facts["pivot"] = Decision(**pivot).sentence
    return {f"{name}_decided": sentence for name, sentence in facts.items()}


def _settings(spec: TrainingSpec) -> str:
    """The phases in a line: algorithm, clients, rounds, learning rate or its selection."""
    phases = []
    for phase in spec.phases:
        rate = f"of {phase.lr.selection}" if isinstance(phase.lr, Selected) else phase.lr
        phases.append(f"{phase.algorithm} ({phase.clients}, {phase.rounds} rounds, lr {rate})")
    split = spec.split or "no split"
    return f"{spec.model} on {spec.dataset}, {split}: {', then '.join(phases)}"
