"""The exclusive lock of a job's folder: no second job writes there."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zowarmup.common.files import lock
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import FILE


@contextmanager
def exclusive(folder: Path, group: ProcessGroup) -> Iterator[Path]:
    """Hold the lock of a folder within the block, after waiting for a job that holds it.

    Deletes the temporary files of killed jobs at the start and the progress file at the end. Of
    several processes only the first takes the lock.
    """
    if not group.first:
        yield folder
        return
    with lock(folder / "lock"):
        for rest in folder.rglob(".*.tmp"):  # left by a process that was killed while it wrote
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
        yield folder
        (folder / FILE).unlink(missing_ok=True)
