"""Taking away what no result of a config needs: snapshots, locks, work that was overtaken.

What stays: every output that Snakemake would make again, and the snapshots where something starts.
From such a snapshot and the journal any later round of a run can be rebuilt. Each thing goes in one
step, a file at once, a folder under another name first, so a kill at any moment leaves nothing half
there that a job would take for whole. A job that is running has the lock of its folder: it is left
alone.
"""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import holder, lock, read_json
from zowarmup.inspection.clean.staleness import overtaken
from zowarmup.plan.graph import ALONE, RESULT, RULES, Job, graph
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan
from zowarmup.plan.snapshots import saved_rounds, wanted

REMOVED = ".removed-"  # before the name of a folder that is being taken away
# What a killed job goes on from; of the two, a journal is also what rounds are rebuilt from.
SAVED = {"warmup": ("state",), "select": ("state",), "train": ("state", "journal.jsonl")}
REST = ("lock", "progress.json", "machines.json")


@dataclass
class Sweep:
    """What was taken away, or would be.

    Attributes:
        removed: bytes by path.
        orphans: folders of jobs that the config does not name, with their bytes.
        running: folders that a job is at work in.
    """

    removed: dict[Path, int] = field(default_factory=dict)
    orphans: dict[Path, int] = field(default_factory=dict)
    running: list[Path] = field(default_factory=list)


class Cleaner:
    """Goes through the results of a config.

    Args:
        dry: take nothing away, only say what would be.
        orphans: take away also what the config does not name.
    """

    def __init__(self, plan: Plan, results: str, *, dry: bool, orphans: bool) -> None:
        self.paths, self.dry, self.with_orphans = Paths(plan, results), dry, orphans
        self.jobs = graph(plan)
        self.wanted = wanted(plan, self.jobs)
        self.sweep = Sweep()

    def clean(self) -> Sweep:
        """Everything below results/<name>/; runs first, since they say which snapshots stay."""
        root = Path(self.paths.root)
        provenances: set[Path] = set()
        for folder in ("runs", "warmups", "selections", "federations", "datasets"):
            for job, path in _jobs(root / folder):
                if path.name.startswith(REMOVED):
                    self._discard(path)
                elif job in self.jobs or not self.with_orphans:
                    provenances |= _origin(path)
                self._visit(job, path, provenances)
        return self.sweep

    def _visit(self, job: Job, path: Path, provenances: set[Path]) -> None:
        if not path.exists():
            return
        with _held(path, self.dry, job.rule in SAVED) as free:
            if not free:
                self.sweep.running.append(path)
            elif job not in self.jobs:
                self.sweep.orphans[path] = _size(path)
                if self.with_orphans:
                    self._discard(path)
            elif job.rule in SAVED:
                self._tidy(job, path, provenances)

    def _tidy(self, job: Job, path: Path, provenances: set[Path]) -> None:
        """A folder whose job is not running."""
        for rest in [*path.glob(".*.tmp"), *path.glob(f"{REMOVED}*")]:
            self._discard(rest)
        if (path / RESULT[job.rule]).is_file():
            self._discard(path / "state")
            if job.rule == "warmup" and not (path / "snapshots").is_symlink():  # shared by others
                kept = self.wanted[job.name, job.part]
                for t, file in sorted(saved_rounds(path / "snapshots").items()):
                    if t not in kept and file.resolve() not in provenances:
                        self._discard(file)
            for name in ("lock", "machines.json"):
                self._discard(path / name)
        elif overtaken(self.paths, job, path):
            for name in (*SAVED[job.rule], *REST):
                self._discard(path / name)

    def _discard(self, path: Path) -> None:
        """Take it away, unless this is a dry run."""
        if not path.exists():
            return
        self.sweep.removed[path] = _size(path)
        if self.dry:
            return
        if path.is_file():
            path.unlink()
            return
        if not path.name.startswith(REMOVED):
            hidden = path.with_name(f"{REMOVED}{path.name}-{secrets.token_hex(4)}")
            os.replace(path, hidden)
            path = hidden
        shutil.rmtree(path)
        if path.parent.parent.name in RULES and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _jobs(folder: Path) -> Iterator[tuple[Job, Path]]:
    """The jobs whose files lie in a folder of results/<name>/, and their own folders."""
    rule = RULES[folder.name]
    for path in sorted(folder.glob("*" if rule in ALONE else "*/*")):
        name, part = (path.name, "") if rule in ALONE else (path.parent.name, path.name)
        yield Job(rule, name, part), path


def _origin(path: Path) -> set[Path]:
    """The snapshot that a finished run started from."""
    record = path / "run.json"
    with reading(record):
        start = read_json(record).get("start") if record.is_file() else None
        return {(path / start).resolve()} if start else set()


@contextmanager
def _held(path: Path, dry: bool, locked: bool) -> Iterator[bool]:
    """Whether nobody works in a folder; nobody can begin to, within, unless this is a dry run."""
    file = path / "lock"
    was_there = file.exists()
    if not locked or (dry and not was_there):
        yield True
        return
    if holder(file):
        yield False
        return
    if dry:
        yield True
        return
    with lock(file, wait=False):
        yield True
        if not was_there:
            file.unlink(missing_ok=True)


def _size(path: Path) -> int:
    """What the disk gains: nothing by a file with a second name, as snapshots in state/ have."""
    files = [path] if path.is_file() else path.rglob("*")
    found = [file.lstat() for file in files if file.is_file()]
    return sum(facts.st_size for facts in found if facts.st_nlink == 1)
