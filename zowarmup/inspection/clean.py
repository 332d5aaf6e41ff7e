"""`zowarmup clean`: remove the snapshots, locks and resume states that no result of a config needs.

It keeps every output that Snakemake would recreate, the work of unfinished jobs, and the snapshots
that runs start from: such a snapshot and the journal suffice to rebuild any later round of a run.
A folder is renamed before its files are deleted, so a kill leaves nothing that a job would take for
complete. The folder of a running job is left alone.
"""

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zowarmup.common.files import holder, lock
from zowarmup.inspection.provenance import record_of
from zowarmup.inspection.results import Place, places
from zowarmup.plan.graph import RESULT, RULES, Job, graph
from zowarmup.plan.plan import Plan
from zowarmup.plan.snapshots import existing, wanted

REMOVED = ".removed-"  # before the name of a folder that is being removed


class Cleaner:
    """Removes everything below results/<name>/ that no result of a config needs.

    Args:
        dry: remove nothing.
        with_orphans: remove also the folders of jobs that are not in the config.
    """

    def __init__(self, plan: Plan, results: str, *, dry: bool, with_orphans: bool) -> None:
        self.root, self.dry, self.with_orphans = Path(results, plan.name), dry, with_orphans
        self.jobs = graph(plan)
        self.wanted = wanted(plan, self.jobs)
        self.starts: set[Path] = set()  # the snapshots that finished runs start from
        self.removed: dict[Path, int] = {}  # bytes by path
        self.orphans: dict[Path, int] = {}  # bytes by folder of a job that is not in the config
        self.running: list[Path] = []  # folders of running jobs

    def clean(self) -> None:
        """Remove the files and folders, with a lock on one folder at a time."""
        begun = [file for depth in ("*", "*/*") for file in self.root.glob(f"{depth}/{REMOVED}*")]
        self._remove(begun)
        folders = [(Job(place.rule, place.name, place.part), place) for place in places(self.root)]
        orphans = {job for job, _ in folders if job not in self.jobs}
        gone = orphans if self.with_orphans else set()
        self.starts = {
            start for job, place in folders if job not in gone for start in _start(place)
        }
        for job, place in reversed(folders):  # runs before the warm-ups that they start from
            with _free(place.folder, self.dry, job.rule in RESULT) as free:
                if not free:
                    self.running.append(place.folder)
                elif job in gone:
                    self._remove([place.folder])
                elif job in orphans:
                    self.orphans |= sizes([place.folder])
                elif job.rule in RESULT:
                    self._remove(self._superfluous(job, place.folder))

    def _superfluous(self, job: Job, folder: Path) -> Iterator[Path]:
        """Yield the files that nothing needs in the folder of a job that is not running."""
        yield from (*folder.glob(".*.tmp"), *folder.glob(f"{REMOVED}*"))
        if (folder / RESULT[job.rule]).is_file():
            yield from (folder / name for name in ("state", "machines.json"))
            needed = self.wanted.get((job.name, job.part), set())
            for t, file in sorted(existing(folder / "snapshots").items()):
                if t not in needed and file.resolve() not in self.starts:
                    yield file

    def _remove(self, paths: Iterable[Path]) -> None:
        """Remove files and folders, unless this is a dry run."""
        removed = sizes(path for path in paths if path.exists())
        self.removed |= removed
        for path in removed if not self.dry else ():
            if path.is_file():
                path.unlink()
            else:
                _remove_folder(path)


def _remove_folder(path: Path) -> None:
    if not path.name.startswith(REMOVED):
        hidden = path.with_name(f"{REMOVED}{path.name}-{secrets.token_hex(4)}")
        os.replace(path, hidden)
        path = hidden
    shutil.rmtree(path)
    if path.parent.parent.name in RULES and not any(path.parent.iterdir()):
        path.parent.rmdir()


def _start(place: Place) -> Iterator[Path]:
    """The snapshot that a finished run started from."""
    record = record_of(place.folder) if (place.folder / "run.json").is_file() else None
    if record and record.start:
        yield (place.folder / record.start).resolve()


@contextmanager
def _free(folder: Path, dry: bool, locked: bool) -> Iterator[bool]:
    """Yield whether no job runs in the folder, which stays locked unless this is a dry run.

    The lock file is deleted at the end. `locked` says whether jobs of this kind lock their folder.
    """
    file = folder / "lock"
    if locked and holder(file):
        yield False
    elif dry or not locked:
        yield True
    else:
        with lock(file, wait=False):
            yield True
            file.unlink(missing_ok=True)


def sizes(paths: Iterable[Path]) -> dict[Path, int]:
    """Return the bytes that deleting each path frees; a file with hard links counts with the last.

    Snapshots, for instance, have a second link in state/.
    """
    names: Counter[int] = Counter()
    freed = {}
    for path in paths:
        freed[path] = 0
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file():
                status = file.lstat()
                names[status.st_ino] += 1
                freed[path] += status.st_size * (names[status.st_ino] == status.st_nlink)
    return freed
