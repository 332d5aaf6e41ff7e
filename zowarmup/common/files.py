"""Files that are either complete or not there: written beside their name, then renamed.

Reading them, a file that something else cut short is found and named.
"""

import csv
import errno
import fcntl
import io
import json
import logging
import os
import platform
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO

from zowarmup.common.errors import UserError

SAY_EVERY, LOOK_EVERY = 30.0, 0.2  # seconds, while waiting for a lock
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system

log = logging.getLogger("zowarmup")


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    A killed process leaves the old file (or none) and at worst a hidden `.tmp` beside it; a
    failed block leaves nothing. Missing folders are made. For files too large to hold in memory
    as bytes; otherwise see `atomic_write_bytes`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile: its files are private (mode 600), results should follow the user's umask.
    temporary = path.parent / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            # Without it a power cut can leave the new name with empty contents.
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and not error.filename:
            error.filename = str(path)
        raise
    _sync_folder(path.parent)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, all or nothing."""
    with atomic_file(path) as file:
        file.write(data)


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` as UTF-8 with its newlines as they are, all or nothing."""
    atomic_write_bytes(path, text.encode())


def read_json(path: str | Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        UserError: no such file, or it is not complete, or no object.
    """
    try:
        found = json.loads(_text(path))
    except UserError:
        raise
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: not complete JSON ({error}); delete it and let it be made again"
        ) from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no JSON object; delete it and let it be made again")
    return found


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file as the texts that stand in it, by column.

    Raises:
        UserError: no such file, no rows, or one that is not complete.
    """
    text = _text(path)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: no table ({error}); delete it and let it be made again") from None
    odd = any(None in row or None in row.values() for row in rows)  # fields without a name, or none
    if not rows or not text.endswith("\n") or odd:
        raise UserError(f"{path}: cut short; delete it and let it be made again")
    return rows


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: no such file; make it with the workflow") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: no text ({error}); delete it and let it be made again") from None


def lock(path: str | Path, *, wait: bool = True) -> IO[str]:
    """Keep others from working on what `path` stands for, until the file is closed or the process
    ends in whatever way.

    Whoever comes second waits, and says for whom: a job that outlived its workflow may still be
    at work. On a file system that has no locks this says so and keeps nobody away.

    Raises:
        UserError: another process has it, and we are not to wait.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    said = -SAY_EVERY
    while (file := _taken(path)) is None:
        if not wait:
            raise UserError(f"{path}: another process works here: {_who(path)}")
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            log.warning(f"{path}: waiting for another process that works here: {_who(path)}")
        time.sleep(LOOK_EVERY)
    file.truncate(0)
    job = os.environ.get("SLURM_JOB_ID")
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    slurm = f", SLURM job {job}" if job else ""
    text = f"pid {os.getpid()} on {platform.node()}{slurm}, since {since}"
    with suppress(OSError):  # on a full disk nobody needs the name
        os.write(file.fileno(), text.encode())
    return file


def holder(path: str | Path) -> str | None:
    """Who has a lock, as its text says; None if nobody has. The lock is left as it is."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _who(path)
    except OSError:  # no such file, or no locks here
        return None
    return None


def _who(path: str | Path) -> str:
    """What whoever has a lock has written into it; nothing, perhaps, on a full disk."""
    try:
        return Path(path).read_text(encoding="utf-8") or "unknown"
    except FileNotFoundError:
        return "unknown"


def _taken(path: Path) -> IO[str] | None:
    """The open file with its lock; None if another process has it."""
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        log.warning(f"{path}: this file system has no locks; do not start a second job for it")
    if _names(path, file):
        return file
    file.close()  # whoever had it before took the file away, so that others lock another one
    return None


def _names(path: Path, file: IO[str]) -> bool:
    """Whether a path still is that of an open file."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable: it is an entry of the folder, not of the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems refuse to sync a folder; the file itself is synced
    finally:
        os.close(descriptor)
