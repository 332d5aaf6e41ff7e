"""Jobs of a machine never share a GPU: real processes and locks, devices that are only names."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import workbench

from zowarmup.common.errors import UserError
from zowarmup.runtime import gpu_lock

JOB = """
import os, sys
from zowarmup.runtime import gpu_lock as gpus

gpus.take(int(sys.argv[1]))
print(os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a job that takes so many of three GPUs, says which, and keeps them until it is told."""
    jobs: list[subprocess.Popen[str]] = []

    def start(number: int, devices: str = "0,1,2", **more: str) -> "subprocess.Popen[str]":
        own = {"CUDA_VISIBLE_DEVICES": devices, "TMPDIR": str(tmp_path), **more}
        jobs.append(
            subprocess.Popen(
                [sys.executable, "-c", JOB, str(number)],
                env=workbench.environment(workbench.PROJECT, **own),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return jobs[-1]

    yield start
    for job in jobs:
        job.kill()
        job.communicate()


def devices(job: "subprocess.Popen[str]") -> list[str]:
    assert job.stdout is not None
    return job.stdout.readline().strip().split(",")


def test_every_job_has_gpus_of_its_own_and_the_next_waits_until_one_is_killed(start: Start) -> None:
    two, one = start(2), start(1)
    first, second = devices(two), devices(one)
    assert sorted([*first, *second]) == ["0", "1", "2"]
    waiting = start(2)
    time.sleep(4)
    assert waiting.poll() is None
    two.kill()
    assert devices(waiting) == first


def test_jobs_that_need_half_each_do_not_block_each_other(start: Start) -> None:
    jobs = {job.stdout: job for job in (start(2, "0,1") for _ in range(3))}
    while jobs:
        [ready], _, _ = select.select(list(jobs), [], [], 60)
        assert devices(jobs[ready]) == ["0", "1"]
        jobs.pop(ready).kill()


def test_what_slurm_gave_to_two_jobs_stays_theirs(start: Start) -> None:
    """Each finds its devices numbered from 0."""
    one, other = (start(1, "0", SLURM_JOB_ID=job) for job in ("7", "8"))
    assert devices(one) == devices(other) == ["0"]


def test_too_few_gpus_are_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(UserError, match=r"asks for 2 GPUs, but CUDA_VISIBLE_DEVICES or .* names 1"):
        gpu_lock.take(2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"asks for 1 GPUs, but .*nvidia-smi names 0"):
        gpu_lock.take(1)
    gpu_lock.take(0)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ


def test_all_gpus_of_a_machine_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    lines = [f"GPU {i}: NVIDIA H100 80GB HBM3 (UUID: GPU-0a{i})" for i in range(4)]
    tool.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpu_lock.visible() == ["0", "1", "2", "3"]
