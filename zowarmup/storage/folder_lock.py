"""The folder of a job at work: nobody else works there, and others see how far it is."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zowarmup.common.files import lock
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import FILE


@contextmanager
def exclusive(folder: Path, group: ProcessGroup) -> Iterator[Path]:
    """Within, this job has the folder to itself; it waits for one that is there already.

    Of several processes the first one keeps the others' place.
    """
    if not group.first:
        yield folder
        return
    with lock(folder / "lock"):
        for rest in folder.rglob(".*.tmp"):  # of a process that was killed while it wrote
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
        yield folder
        (folder / FILE).unlink(missing_ok=True)
