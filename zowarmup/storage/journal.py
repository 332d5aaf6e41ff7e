"""The journal of a zeroth-order phase: one record per round, enough to rebuild every model.

The model at the pivot and the records 1..n give the model after round n, bit for bit, by the same
function that training uses. So resuming after a kill, catching up after an absence and looking at
any intermediate model are the same replay.

One JSON object per line, {"crc32": ..., "record": ...}; the first record says what made the
journal. A line that a kill cut short is dropped. Other damage is an error to whoever looks; a job
says where it is and goes on from before it.
"""

import itertools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch

from zowarmup.algorithms.rounds import Replayable, State
from zowarmup.common.errors import STRANGE, UserError, cause
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.process_group import ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import records
from zowarmup.storage.provenance import Provenance, difference
from zowarmup.storage.records import RecordError

FORMAT = "zowarmup-journal-2"
SYNC_EVERY = 1.0  # seconds between forced writes to the disk: what a power failure can cost

Record = dict[str, Any]


class JournalError(UserError):
    """A journal that cannot be used; the message names the file, the line and the mend."""


class Journal:
    """A journal open for appending; a context manager.

    A record is handed to the operating system before `append` returns, so that killing the process
    loses nothing.
    """

    def __init__(self, path: Path | str, provenance: Provenance) -> None:
        """Open the journal of `origin`; one of something else is started over."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        header = {"format": FORMAT, "origin": provenance}
        first, lines, length = self._whole()
        if first.get("format", FORMAT) != FORMAT:
            log.warning(f"{self.path}: starting over: it is of another version")
        elif first and (differs := difference(first, header)):
            log.warning(f"{self.path}: starting over: it was made otherwise: {differs}")
        fresh = first != header
        self.known = 0 if fresh else lines - 1  # rounds that were there already
        # Without a buffer, so that a record is with the system at once, and none is written twice.
        self.file = self.path.open("r+b" if self.path.exists() else "w+b", buffering=0)
        self.file.truncate(0 if fresh else length)
        self.file.seek(0, os.SEEK_END)
        self.synced = time.monotonic()
        if fresh:
            self._write(header)

    def _whole(self) -> tuple[Record, int, int]:
        """The first record, how many there are up to where one is damaged, their bytes."""
        first, lines, length = {}, 0, 0  # type: Record, int, int
        try:
            for record, reached in scan(self.path):
                first = first if lines else record
                lines, length = lines + 1, reached
        except JournalError as error:
            log.warning(f"{error}; going on from before it")
        return first, lines, length

    def records(self) -> Iterator[Record]:
        """The rounds that were there already, one at a time: many clients' do not fit memory."""
        return itertools.islice((record for record, _ in scan(self.path)), 1, 1 + self.known)

    def append(self, record: Record) -> None:
        """Add the record of the next round."""
        self._write(record)
        if time.monotonic() - self.synced > SYNC_EVERY:
            self._sync()

    def _write(self, record: Record) -> None:
        left = line(record)
        try:
            while left:
                left = left[self.file.write(left) :]
        except OSError as error:  # a part may be there, which the next job drops
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
) -> Iterator[tuple[int, Iterator[Record], Callable[[Record], None]]]:
    """How many records there are, these records in all processes, and who takes the next one.

    The first process alone reads and writes the file.

    Raises:
        JournalError: within, where one of the records turns out to be none of a round.
    """
    if not group.first:
        count = group.agree(int)
        with named(path):
            yield count, _told(iter(()), count, group), lambda record: None
        return
    with Journal(path, provenance) as own, named(path):
        count = group.agree(lambda: own.known)
        yield count, _told(own.records(), count, group), own.append


def _told(records: Iterator[Record], count: int, group: ProcessGroup) -> Iterator[Record]:
    """The records that the first process reads, one at a time, in all processes."""
    return (group.agree(lambda: next(records)) for _ in range(count))


def line(record: Record) -> bytes:
    """A record as it stands in the file."""
    text = _text(record)
    return f'{{"crc32":{zlib.crc32(text.encode())},"record":{text}}}\n'.encode()


def _text(record: Record) -> str:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), allow_nan=False)


def read(path: Path | str) -> list[Record]:
    """The rounds of a journal.

    Raises:
        JournalError: missing or damaged.
    """
    return list(itertools.islice(_ours(Path(path)), 1, None))


def provenance_of(path: Path | str) -> Provenance:
    """What made a journal.

    Raises:
        JournalError: missing, or its first line is damaged.
    """
    return dict(next(_ours(Path(path)))["origin"])


def _ours(path: Path) -> Iterator[Record]:
    """All records of a journal of this project, what made it first."""
    if not path.exists():
        raise JournalError(f"{path}: no such journal; run the phase again")
    found = (record for record, _ in scan(path))
    first = next(found, {})
    if first.get("format") != FORMAT:
        raise JournalError(
            f"{path}: not a journal of this version of the project; give another file"
        )
    yield first
    yield from found


def scan(path: Path) -> Iterator[tuple[Record, int]]:
    """All whole records, the first one included, and up to where in the file each reaches."""
    if not path.exists():
        return
    length = 0
    with path.open("rb") as file:
        for number, text in enumerate(file, start=1):
            if not text.endswith(b"\n"):
                return  # cut short
            record = _checked(text)
            wrong = "is damaged" if record is None else records.fault(record)
            if record is None or wrong:
                raise JournalError(f"{path}: line {number}, at byte {length}, {wrong}")
            length += len(text)
            yield record, length


def _checked(text: bytes) -> Record | None:
    try:
        entry = json.loads(text)
        record = entry["record"]
        intact = zlib.crc32(_text(record).encode()) == entry["crc32"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return record if intact and isinstance(record, dict) else None


def replay(
    state: State, rounds: Iterable[Record], method: Replayable, seeds: Seeds
) -> Iterator[State]:
    """The state after each record, from that before the first; `method` as in training."""
    for record in rounds:
        state = applied(state, record, method, seeds)
        yield state


def applied(state: State, record: Record, method: Replayable, seeds: Seeds) -> State:
    """The state after one record.

    Raises:
        RecordError: the record is none of such a phase, though its checksum is right.
    """
    try:
        return method.apply(state, record, seeds)
    except (*STRANGE, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise RecordError(
            f"the record of round {records.short(record)} is none of such a phase ({cause(error)})"
        ) from error


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Within, a record that no round has made is an error that names its journal.

    Raises:
        JournalError: instead of it.
    """
    try:
        yield
    except RecordError as error:
        raise JournalError(
            f"{path}: {error}; it was changed, so delete it and let the run be made again"
        ) from error
