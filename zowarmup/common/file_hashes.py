"""Hashes of large files, kept by path, size and time stamps, so that each file is read once."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from zowarmup.common.files import atomic_write_text

# A file that changes twice within one tick of the file system's clock keeps its time stamp, so
# the hash of a file that has just been written is not remembered yet.
SETTLED = 2.0  # seconds

Entries = dict[str, tuple[int, int, int, str]]  # by path: size, two time stamps, sha256
ENTRIES = TypeAdapter(Entries)


class FileHashes:
    """The hashes of files, and a file that keeps them between processes.

    If another process has replaced the latter, or it is no JSON of this kind, files are read again.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory

    def sha256(self, path: Path) -> str:
        """Hash of a file's contents, as `sha256sum` prints it.

        Raises:
            OSError: the file cannot be read.
        """
        key, stamp = str(path.absolute()), _stamp(path)
        if (entry := self._read().get(key)) and entry[:-1] == stamp:
            return entry[-1]
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _stamp(path) == stamp and time.time() - max(stamp[1:]) / 1e9 > SETTLED:
            with suppress(OSError):  # results may be read-only, or the disk full
                entries = self._read() | {key: (*stamp, sha256)}
                atomic_write_text(self.memory, json.dumps(entries))
        return sha256

    def _read(self) -> Entries:
        try:
            return ENTRIES.validate_json(self.memory.read_bytes())
        except (OSError, ValueError):
            return {}


def _stamp(path: Path) -> tuple[int, int, int]:
    """Size and time stamps; the second one changes even where a copy keeps the first."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
