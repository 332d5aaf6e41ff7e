"""run.json: everything about a run that is not a number of its training."""

import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from zowarmup import __version__
from zowarmup.common.files import atomic_write_text
from zowarmup.runtime import machine

PACKAGES = ("numpy", "safetensors")


def write(path: Path | str, outputs: Sequence[Path | str], **facts: Any) -> None:
    """Write the facts of a run, with versions, hardware, commit and time added.

    Args:
        outputs: the files that it has made, below the folder of `path`; their hashes are added, so
            that `zowarmup verify` can tell what has become of them.
    """
    folder = Path(path).parent
    hashes = {Path(os.path.relpath(file, folder)).as_posix(): sha256(file) for file in outputs}
    text = json.dumps(facts | {"outputs": hashes} | circumstances(), indent=1, sort_keys=True)
    atomic_write_text(path, text + "\n")


def circumstances() -> dict[str, Any]:
    """Where and when something was made."""
    return {
        "versions": versions(),
        "hardware": hardware(),
        "commit": commit(),
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def versions() -> dict[str, str]:
    """Of the project, of Python, and of the packages that decide the bits."""
    own = {"zowarmup": __version__, "python": platform.python_version()}
    own["torch"] = str(torch.__version__)  # with its build, which the metadata leave out
    return own | {package: version(package) for package in PACKAGES}


def hardware() -> dict[str, Any]:
    """The machine: processor, what it is told to use, its number of threads, accelerator."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return machine.here() | {"cpus": os.cpu_count(), "accelerator": gpu}


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


def sha256(path: Path | str) -> str:
    """Hash of the contents of a file, as `sha256sum` prints it; read piece by piece."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
