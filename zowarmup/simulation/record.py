"""run.json: everything about a run that is not a number of its training."""

import hashlib
import json
import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from zowarmup import __version__
from zowarmup.settings.files import atomic_write_text

PACKAGES = ("numpy", "safetensors")


def write(path: Path | str, **facts: Any) -> None:
    """Write the facts of a run with versions, hardware, commit and time added."""
    everything = facts | {
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    atomic_write_text(path, json.dumps(everything, indent=1, sort_keys=True) + "\n")


def versions() -> dict[str, str]:
    """Of the project, of Python, and of the packages that decide the bits."""
    own = {"zowarmup": __version__, "python": platform.python_version()}
    own["torch"] = str(torch.__version__)  # with its build, which the metadata leave out
    return own | {package: version(package) for package in PACKAGES}


def hardware() -> dict[str, Any]:
    """The machine: processor, its number of threads, accelerator."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"processor": _processor(), "cpus": os.cpu_count(), "accelerator": gpu}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def commit() -> str | None:
    """The commit of the checkout, with a + if files differ from it; None outside of one."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        changed = subprocess.run(
            [*git, "status", "--porcelain"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")


def sha256(*files: Path | str) -> str:
    """Fingerprint of the contents of files, in order; read piece by piece, for one may be large."""
    digest = hashlib.sha256()
    for path in files:
        with Path(path).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def fingerprint(*parts: Any) -> str:
    """Fingerprint of anything that JSON can hold; what a journal or a saved state belongs to."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
