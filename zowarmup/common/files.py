"""Atomic files, locks, and reading JSON and CSV with errors that name the file."""

import csv
import errno
import fcntl
import io
import itertools
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

SAY_EVERY, LOOKS = 30.0, 150  # seconds between log lines of a wait; attempts in that time
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # errors of a file system without locks

log = logging.getLogger("zowarmup")

RECREATE = "delete it, and Snakemake recreates it"


@contextmanager
def atomic_file(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends without an error.

    A killed process leaves the old file (or none) and at worst a hidden `.tmp` beside it; a
    failed block leaves nothing. Missing folders are created.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without `tempfile`, whose files have mode 600: results should follow the user's umask.
    temporary = path.parent / f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp"
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            # Without fsync, a power cut can leave the new name with empty contents.
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
    """Write `text` to `path` as UTF-8, all or nothing; newlines stay as they are."""
    atomic_write_bytes(path, text.encode())


def read_json(path: str | Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        UserError: the file is missing or incomplete, or holds no JSON object.
    """
    text = _text(path)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not complete JSON ({error}); {RECREATE}") from None
    if isinstance(value, dict):
        return value
    raise UserError(f"{path}: holds no JSON object; {RECREATE}")


def read_rows(path: str | Path) -> list[dict[str, str]]:
    """The rows of a CSV file, text by column.

    Raises:
        UserError: the file is missing or incomplete, or has no rows.
    """
    text = _text(path)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UserError(f"{path}: not a CSV table ({error}); {RECREATE}") from None
    odd = any(None in row or None in row.values() for row in rows)  # too many or too few fields
    if not rows or not text.endswith("\n") or odd:
        raise UserError(f"{path}: cut short; {RECREATE}")
    return rows


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{path}: no such file; run Snakemake, which creates it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text ({error}); {RECREATE}") from None


def lock(path: str | Path, *, wait: bool = True) -> IO[str]:
    """Take an exclusive lock; it ends when the file is closed or the process ends.

    A second process waits and logs the name of the first: a job that outlived its workflow may
    still be at work. On a file system without locks this logs a warning and locks nothing.

    Raises:
        UserError: another process has the lock, and `wait` is False.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    waits = itertools.count()
    while (file := _taken(path)) is None:
        sentence = f"another process works in this folder: {_holder(path)}"
        if not wait:
            raise UserError(f"{path}: {sentence}")
        if next(waits) % LOOKS == 0:
            log.warning(f"{path}: waiting, because {sentence}")
        time.sleep(SAY_EVERY / LOOKS)
    file.truncate(0)
    job = os.environ.get("SLURM_JOB_ID")
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    slurm = f", SLURM job {job}" if job else ""
    text = f"pid {os.getpid()} on {platform.node()}{slurm}, since {since}"
    with suppress(OSError):  # on a full disk the lock works without its text
        os.write(file.fileno(), text.encode())
    return file


def holder(path: str | Path) -> str | None:
    """Read which process holds a lock, without changing it; None if the lock is free."""
    with suppress(OSError):  # no such file, or no locks on this file system
        try:
            with Path(path).open(encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(path)
    return None


def _holder(path: str | Path) -> str:
    """Return the text of a lock, which names its process; "unknown" without a text."""
    with suppress(FileNotFoundError):
        return Path(path).read_text(encoding="utf-8") or "unknown"
    return "unknown"


def _taken(path: Path) -> IO[str] | None:
    """Open and lock the file; None if another process holds the lock."""
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
    with suppress(FileNotFoundError):
        if os.path.samestat(os.stat(path), os.fstat(file.fileno())):
            return file
    file.close()  # the last holder deleted this file, so other processes lock a new one
    return None


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable: it is an entry of the folder, not of the file."""
    descriptor = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # some network file systems refuse; the file itself is synced
        os.fsync(descriptor)
    os.close(descriptor)
