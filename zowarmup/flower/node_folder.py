"""The folder of a node, in which it keeps its model between rounds.

    job.json             the server's job
    model.safetensors    the model after the last round that the node has applied
    lock                 held while a message is answered

Flower starts a process for each message, and such a process may outlive its SuperNode for seconds,
so a second one waits for the lock. Every file is written all or nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.common.files import atomic_write_text, lock, read_json
from zowarmup.flower import job as jobs
from zowarmup.flower.job import Job

JOB, MODEL = "job.json", "model.safetensors"
NEVER = -1  # the last applied round of a node without a model


class NodeFolder:
    """A locked folder; see `opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def model(self) -> Path:
        """The checkpoint of the node's model, which may not exist."""
        return self.path / MODEL

    def take(self, text: str) -> Job:
        """Keep the job of a server; the model of another job is deleted.

        Raises:
            UserError: it is no job for a node.
        """
        job = jobs.read(text)
        if (now := self.job()) is None or now != job:
            self.model.unlink(missing_ok=True)
            atomic_write_text(self.path / JOB, job.model_dump_json())
        return job

    def job(self) -> Job | None:
        """Return the job that the node works on, None if it has none or one of another version."""
        try:
            return Job.read(read_json(self.path / JOB))
        except (UserError, ValueError):
            return None


@contextmanager
def opened(path: Path) -> Iterator[NodeFolder]:
    """Hold the lock of a node's folder within the block."""
    path.mkdir(parents=True, exist_ok=True)
    with lock(path / "lock"):
        for rest in path.glob(".*.tmp"):  # left by a process that was killed while it wrote
            rest.unlink()
        yield NodeFolder(path)
