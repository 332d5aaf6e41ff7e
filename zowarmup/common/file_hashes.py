"""Hashes of large files, remembered by path, size and time stamps, so that each is read once."""

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

Known = dict[str, list[int | str]]  # by path: size, two time stamps, sha256


class FileHashes:
    """The hashes of files, and the file that remembers them between processes.

    The memory decides nothing: a damaged or missing one only costs reading the files again. Of two
    processes that write it at once, the last one wins and the other's hashes are computed again.
    """

    def __init__(self, memory: Path) -> None:
        self.memory = memory

    def sha256(self, path: Path) -> str:
        """Hash of a file's contents, as `sha256sum` prints it.

        Raises:
            OSError: the file cannot be read.
        """
        key, stamp, known = str(path.absolute()), _stamp(path), self._read()
        if (entry := known.get(key)) and entry[:-1] == stamp:
            return str(entry[-1])
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if _stamp(path) == stamp and time.time() - max(stamp[1:]) / 1e9 > SETTLED:
            self._write(self._read() | {key: [*stamp, found]})
        return found

    def _read(self) -> Known:
        try:
            saved = json.loads(self.memory.read_text(encoding="utf-8"))
            files: Known = saved["files"]
            whole = saved["sha256"] == _seal(files)
        except (OSError, *STRANGE):
            return {}
        return files if whole else {}

    def _write(self, files: Known) -> None:
        with suppress(OSError):  # results may be read-only, or the disk full
            atomic_write_text(self.memory, json.dumps({"files": files, "sha256": _seal(files)}))


def _stamp(path: Path) -> list[int]:
    """Size and time stamps; the second one changes even where a copy keeps the first."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _seal(files: Known) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
