"""The progress of a job: a log line every few seconds, and a small file beside the results."""

import json
import logging
import os
import platform
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

EVERY = 2.0  # seconds between lines
FILE = "progress.json"  # beside the results; see `zowarmup status`

log = logging.getLogger("zowarmup")


class Progress:
    """Logs round, speed, remaining time and the last measurements of a job of `total` rounds."""

    def __init__(self, what: str, total: int, folder: Path | None = None) -> None:
        self.what, self.total, self.folder = what, total, folder
        self.began = self.logged = time.monotonic()
        self.measured: dict[str, Any] = {}
        self.first = total

    def step(self, t: int) -> None:
        """Note that round t is done; log this every few seconds."""
        self.first = min(self.first, t)
        if time.monotonic() - self.logged > EVERY:
            self.logged = time.monotonic()
            self._log(t, (t - self.first + 1) / (self.logged - self.began))

    def note(self, row: dict[str, Any]) -> None:
        """Remember the latest row of metrics."""
        self.measured = {name: row[name] for name in ("test_accuracy", "test_loss")}

    def _log(self, t: int, speed: float) -> None:
        seconds = (self.total - t) / speed
        left = tqdm.format_interval(seconds)
        measured = "  loss {test_loss:.4f}  accuracy {test_accuracy:.4f}" if self.measured else ""
        log.info(
            f"{self.what}: round {t}/{self.total}{measured.format(**self.measured)}  "
            f"{speed:.1f} rounds/s  left {left}"
        )
        if self.folder:
            values = {"what": self.what, "total": self.total, "round": t}
            values |= {"rounds_per_second": speed, "seconds_left": seconds} | self.measured
            _write(self.folder, values)


def _write(folder: Path, values: dict[str, Any]) -> None:
    """Replace the file as a whole, without a sync: after a power cut nobody needs the file."""
    values |= {"pid": os.getpid(), "host": platform.node()}
    values["slurm_job"] = os.environ.get("SLURM_JOB_ID")
    values["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    hidden = folder / f".{FILE}.tmp"
    with suppress(OSError):  # a missing file must not end a job
        hidden.write_text(json.dumps(values), encoding="utf-8")
        os.replace(hidden, folder / FILE)
