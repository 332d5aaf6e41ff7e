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

Entries = dict[str, tuple[int, int, int, str]]  # by path: size, two time stamps, sha256


def sha256(path: Path, memory: Path) -> str:
    """Hash of a file's contents, as `sha256sum` prints it.

    Args:
        memory: the file that keeps hashes between processes. If another process has replaced this
            file, or it is damaged, hashes are computed again.

    Raises:
        OSError: the file cannot be read.
    """
    key, stamp = str(path.absolute()), _stamp(path)
    if (entry := _read(memory).get(key)) and entry[:-1] == stamp:
        return entry[-1]
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if _stamp(path) == stamp and time.time() - max(stamp[1:]) / 1e9 > SETTLED:
        with suppress(OSError):  # results may be read-only, or the disk full
            atomic_write_text(memory, json.dumps(_read(memory) | {key: (*stamp, digest)}))
    return digest


def _read(memory: Path) -> Entries:
    try:
        saved = json.loads(memory.read_bytes())
        return {k: (int(a), int(b), int(c), str(d)) for k, (a, b, c, d) in saved.items()}
    except (OSError, *STRANGE):
        return {}


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return size, mtime and ctime; ctime changes even if a copy keeps the mtime."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
