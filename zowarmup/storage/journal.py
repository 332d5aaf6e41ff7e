"""The journal of a zeroth-order phase: one record per round, enough to rebuild every model.

From the model at the pivot and the records 1..n, the function that training uses computes the model
after round n, bit for bit. So resuming after a kill, catching up after an absence and looking at
any intermediate model are the same replay.

One JSON object per line, {"crc32": ..., "record": ...}; the first line, the header, holds format
and provenance. A line that a kill cut short is dropped. For a reader, other damage is an error; a
job logs the damaged line and resumes before it. The trials of a selection are kept in the same way.
"""

import itertools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import torch

from zowarmup.algorithms.rounds import RecordError, Replayable, RoundRecord, State
from zowarmup.common.errors import STRANGE, UserError, cause
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage.provenance import Provenance, difference

FORMAT = "zowarmup-journal-2"
SYNC_EVERY = 1.0  # seconds between forced writes to the disk, the most that a power failure loses

Entry = dict[str, object]  # what one line holds: the header, a round's record or a trial's result


class JournalError(UserError):
    """A journal that cannot be used; the message names the file, the line and the fix."""


class Journal:
    """A journal open for appending; a context manager.

    An entry is handed to the operating system before `append` returns, so that killing the process
    loses nothing.

    Attributes:
        count: entries that the file already had, without the header.
    """

    def __init__(self, path: Path | str, provenance: Provenance) -> None:
        """Open the journal; start over if its provenance has changed."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        header: Entry = {"format": FORMAT, "origin": provenance}
        first, lines, length = self._whole()
        if first.get("format", FORMAT) != FORMAT:
            log.warning(f"{self.path}: starting over: the journal is of another version")
        elif first and (differs := difference(first, header)):
            log.warning(f"{self.path}: starting over: the journal is stale: {differs}")
        fresh = first != header
        self.count = 0 if fresh else lines - 1
        # Without a buffer, so that the system has an entry at once, and no entry is written twice.
        self.file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        self.file.truncate(0 if fresh else length)
        self.file.seek(0, os.SEEK_END)
        self.synced = time.monotonic()
        if fresh:
            self._write(header)

    def _whole(self) -> tuple[Entry, int, int]:
        """Return the header, the number of lines before any damage, and their length in bytes."""
        first, lines, length = {}, 0, 0  # type: Entry, int, int
        try:
            for entry, end in scan(self.path):
                first = first if lines else entry
                lines, length = lines + 1, end
        except JournalError as error:
            log.warning(f"{error}; resuming from the lines before")
        return first, lines, length

    def entries(self) -> Iterator[Entry]:
        """The entries that the file already had, one at a time: all may not fit into memory."""
        return itertools.islice((entry for entry, _ in scan(self.path)), 1, 1 + self.count)

    def append(self, entry: Entry) -> None:
        """Add the record of the next round, or the result of the next trial."""
        self._write(entry)
        if time.monotonic() - self.synced > SYNC_EVERY:
            self._sync()

    def _write(self, entry: Entry) -> None:
        left = line(entry)
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:  # the next job drops a line that is written in part
            self.file.close()
            error.filename = str(self.path)
            raise

    def _sync(self) -> None:
        os.fsync(self.file.fileno())
        self.synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.file.closed:
            self._sync()
            self.file.close()


@contextmanager
def shared(
    path: Path, provenance: Provenance, group: ProcessGroup
) -> Iterator[tuple[int, Iterator[Entry], Callable[[Entry], None]]]:
    """Give every process the number of entries, the entries, and a function that appends one.

    Only the first process reads and writes the file.
    """
    if not group.first:
        count = group.agree(int)
        yield count, (group.agree(dict) for _ in range(count)), lambda entry: None
        return
    with Journal(path, provenance) as own:
        count, entries = group.agree(lambda: own.count), own.entries()
        yield count, (group.agree(lambda: next(entries)) for _ in range(count)), own.append


@contextmanager
def shared_rounds(
    path: Path, provenance: Provenance, group: ProcessGroup
) -> Iterator[tuple[int, Iterator[RoundRecord], Callable[[RoundRecord], None]]]:
    """As `shared`, for the records of rounds.

    Raises:
        JournalError: within the block, if a record does not fit the phase.
    """
    with shared(path, provenance, group) as (count, entries, append), named(path):
        yield count, map(RoundRecord.from_json, entries), lambda new: append(new.to_json())


def line(entry: Entry) -> bytes:
    """An entry as a line of the file."""
    text = _text(entry)
    return f'{{"crc32":{zlib.crc32(text.encode())},"record":{text}}}\n'.encode()


def _text(entry: Entry) -> str:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), allow_nan=False)


def provenance_of(path: Path) -> Provenance:
    """The provenance that a journal's header holds.

    Raises:
        JournalError: the journal is missing, damaged, or of another version.
    """
    if not path.exists():
        raise JournalError(f"{path}: no such journal; run the phase again")
    header, _ = next(scan(path), ({}, 0))
    if header.get("format") != FORMAT:
        raise JournalError(
            f"{path}: not a journal of this version of the project; give another file"
        )
    origin = header["origin"]
    return dict(origin) if isinstance(origin, dict) else {}


def scan(path: Path) -> Iterator[tuple[Entry, int]]:
    """The header and each whole entry, with the byte at which its line ends.

    Raises:
        JournalError: a line is damaged, or has the field `round` but is not a record of a round.
    """
    if not path.exists():
        return
    length = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                return  # cut short
            try:
                entry = _checked(text)
            except RecordError as error:
                raise JournalError(f"{path}: line {number}, at byte {length}, {error}") from error
            length += len(text)
            yield entry, length


def _checked(text: bytes) -> Entry:
    """Return the entry of a line, after a check of its checksum and of a round's fields."""
    try:
        content = json.loads(text)
        entry = content["record"]
        intact = zlib.crc32(_text(entry).encode()) == content["crc32"]
    except (ValueError, KeyError, TypeError, RecursionError):
        intact = False
    if not intact or not isinstance(entry, dict):
        raise RecordError("is damaged")
    if "round" in entry:
        RoundRecord.from_json(entry)
    return entry


def replay(
    state: State, rounds: Iterable[RoundRecord], method: Replayable, seeds: Seeds
) -> Iterator[State]:
    """Yield the state after each record, starting from `state`; `method` as in training."""
    for record in rounds:
        state = applied(state, record, method, seeds)
        yield state


def applied(state: State, record: RoundRecord, method: Replayable, seeds: Seeds) -> State:
    """The state after one record.

    Raises:
        RecordError: the record does not fit the phase, though its checksum is right.
    """
    try:
        return method.apply(state, record, seeds)
    except (*STRANGE, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise RecordError(
            f"the record of round {record.round} does not fit the phase ({cause(error)})"
        ) from error


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Within the block, turn the error of a record into an error that names the journal.

    Raises:
        JournalError: the block raised a RecordError.
    """
    try:
        yield
    except RecordError as error:
        raise JournalError(
            f"{path}: {error}; the file was changed: delete it, and Snakemake recreates the run"
        ) from error
