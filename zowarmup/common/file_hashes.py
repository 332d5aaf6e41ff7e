"""Hashes of large files, kept by path, size and time stamps, so that each file is read once."""

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path

from zowarmup.common.errors import STRANGE
from zowarmup.common.files import atomic_write_text

# A file that changes twice within one tick of the file system's clock keeps its time stamp, so
# the hash of a file that has just been written is not remembered yet.
SETTLED = 2.0  # seconds

Entries = dict[str, list[int | str]]  # by path: size, two time stamps, sha256


class FileHashes:
    """The hashes of files, and a file that keeps them between processes.

    If the latter is damaged or missing, or another process has replaced it, the files are read
    again: no result depends on it.
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
            return str(entry[-1])
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if _stamp(path) == stamp and time.time() - max(stamp[1:]) / 1e9 > SETTLED:
            self._write(self._read() | {key: [*stamp, sha256]})
        return sha256

    def _read(self) -> Entries:
        try:
            saved = json.loads(self.memory.read_text(encoding="utf-8"))
            files: Entries = saved["files"]
            whole = saved["sha256"] == _seal(files)
        except (OSError, *STRANGE):
            return {}
        return files if whole else {}

    def _write(self, files: Entries) -> None:
        with suppress(OSError):  # results may be read-only, or the disk full
            atomic_write_text(self.memory, json.dumps({"files": files, "sha256": _seal(files)}))


def _stamp(path: Path) -> list[int]:
    """Size and time stamps; the second one changes even where a copy keeps the first."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _seal(files: Entries) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
