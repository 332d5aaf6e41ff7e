"""Assign the GPUs of a machine to jobs: Snakemake counts GPUs, but assigns none.

A job holds a GPU through the lock of a small file; the lock ends with the process. Call `take`
before CUDA starts in this process, because CUDA reads the choice only once.
"""

import os
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from zowarmup.common.errors import UserError
from zowarmup.common.files import SAY_EVERY, lock
from zowarmup.runtime.progress import log

VISIBLE = "CUDA_VISIBLE_DEVICES"
_locks: list[IO[str]] = []  # open until the process ends


def take(number: int) -> None:
    """Choose `number` free GPUs for this process; wait until enough are free.

    Raises:
        UserError: the machine has fewer GPUs.
    """
    if not number:
        return
    devices = visible()
    if len(devices) < number:
        raise UserError(
            f"this job asks for {number} GPUs, but {VISIBLE} or nvidia-smi names {len(devices)} on "
            f"{os.uname().nodename}; set engine.device to cpu, or engine.processes to fewer"
        )
    os.environ[VISIBLE] = ",".join(_taken(devices, number))


def visible() -> list[str]:
    """Return the names of the GPUs in CUDA_VISIBLE_DEVICES or, if that is not set, of all."""
    if VISIBLE in os.environ:
        return [name for name in os.environ[VISIBLE].split(",") if name.strip()]
    with suppress(OSError, subprocess.SubprocessError):
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=60
        )
        return [str(i) for i in range(listed.stdout.count("GPU-"))]
    return []


def _taken(devices: Sequence[str], number: int) -> list[str]:
    # SLURM may number the devices of every job from 0, so each job has its own lock files.
    job = os.environ.get("SLURM_JOB_ID", "")
    folder = Path(tempfile.gettempdir()) / f"zowarmup-gpus-{os.getuid()}{job and f'-{job}'}"
    said = -SAY_EVERY
    while True:
        mine: dict[str, IO[str]] = {}
        for name in devices:
            if len(mine) < number:
                with suppress(UserError):
                    mine[name] = lock(folder / name.replace("/", "-"), wait=False)
        if len(mine) == number:
            _locks.extend(mine.values())
            return list(mine)
        for file in mine.values():
            file.close()
        if time.monotonic() - said >= SAY_EVERY:
            said = time.monotonic()
            log.warning(f"waiting for {number} of {len(devices)} GPUs; see who holds {folder}/*")
        time.sleep(random.uniform(0.1, 0.5))  # else two jobs could each hold half, again and again
