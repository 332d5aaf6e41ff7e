"""run.json, the run record: provenance, outputs, versions, hardware and time of a job."""

import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from zowarmup import __version__
from zowarmup.common.files import atomic_write_text
from zowarmup.common.json_value import Json
from zowarmup.runtime import machine
from zowarmup.runtime.machine import Machine

PACKAGES = ("numpy", "safetensors")


def write(path: Path | str, outputs: Sequence[Path | str], **facts: Json | list[Machine]) -> None:
    """Write a run record: the given facts, with versions, hardware, commit and time.

    Args:
        outputs: the files that the job wrote, below the folder of `path`; `zowarmup verify`
            compares them with their hashes in the record.
        facts: JSON values by name.
    """
    folder = Path(path).parent
    hashes = {Path(os.path.relpath(file, folder)).as_posix(): sha256(file) for file in outputs}
    text = json.dumps(facts | {"outputs": hashes} | circumstances(), indent=1, sort_keys=True)
    atomic_write_text(path, text + "\n")


def circumstances() -> dict[str, Json]:
    """Versions, hardware, commit and time."""
    return {
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def versions() -> dict[str, Json]:
    """Versions of the project, of Python, and of the packages that decide the bits."""
    own: dict[str, Json] = {"zowarmup": __version__, "python": platform.python_version()}
    own["torch"] = str(torch.__version__)  # with the build, which the package's metadata leave out
    return own | {package: version(package) for package in PACKAGES}


def hardware() -> dict[str, Json]:
    """The machine: processor and its settings, number of cores, accelerator."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return machine.here() | {"cpus": os.cpu_count(), "accelerator": gpu}


def commit() -> str | None:
    """The commit of the checkout, with a + if files differ from it; None outside a checkout."""
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


def sha256(path: Path | str) -> str:
    """The hash of a file, as `sha256sum` prints it."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
