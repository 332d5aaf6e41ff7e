"""The share of the time of a whole workflow on one core that is not training.

Training is the time of the jobs of warm-ups, selections and runs, without the start of a process
with the same imports; the rest is process starts, Snakemake, data, tables, figures and claims.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.timing import Row

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "rules", "workflow", "config", "envs", "profiles", "zowarmup")
TRAINING = ("warmup", "select", "train")  # rules
IMPORTS = "import zowarmup.jobs.train, zowarmup.engines.batched"


def outside_of_training(tiny: bool) -> list[Row]:
    """Measure the share for config/smoke.yaml; at the tiny size only a dry run."""
    with tempfile.TemporaryDirectory() as folder:
        project = copy(Path(folder) / "project")
        wall = snakemake(project, ["--dry-run"] if tiny else [])
        starting = start(project, 1 if tiny else 3)
        jobs = seconds(project / "results/smoke/benchmarks")
    training = sum(job - starting for job in jobs)
    share = 1 - training / wall
    more = {"wall_s": wall, "jobs": len(jobs), "start_s": starting, "training_s": training}
    what = f"config/smoke.yaml, 1 core, {wall:.0f} s: share of time outside of training"
    return [Row("workflow", what, share, (share, share), 1, None, more)]


def copy(folder: Path) -> Path:
    """Copy the sources of the project, without results."""
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, ignore=ignored)
        else:
            shutil.copy2(ROOT / part, folder / part)
    return folder


def snakemake(project: Path, arguments: list[str]) -> float:
    """Run the whole workflow and return its seconds."""
    call = ["--cores", "1", "--configfile", "config/smoke.yaml", "--quiet", "all", *arguments]
    began = time.perf_counter()
    run(project, ["-m", "snakemake", *call])
    return time.perf_counter() - began


def start(project: Path, n: int) -> float:
    """Return the least seconds of n processes that only import what a training job imports."""
    times = []
    for _ in range(n):
        began = time.perf_counter()
        run(project, ["-c", IMPORTS])
        times.append(time.perf_counter() - began)
    return min(times)


def run(project: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, *arguments], cwd=project, env=environment, check=True)


def seconds(folder: Path) -> list[float]:
    """Return the seconds of all jobs that train, from Snakemake's benchmark files."""
    files = [file for rule in TRAINING for file in sorted((folder / rule).rglob("*.tsv"))]
    return [float(row["s"]) for file in files for row in rows(file)]


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))
