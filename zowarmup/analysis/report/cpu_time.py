"""The costs and the commits of the jobs behind results, from their records and benchmarks."""

from collections.abc import Iterable
from math import isnan, nan
from pathlib import Path

import pandas as pd

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json

RULES = {"warmups": "warmup", "selections": "select", "runs": "train"}  # by folder of results


def job_facts(root: Path, work: Iterable[str]) -> dict[str, str]:
    """CPU time of all training and selection, and the commits of the code that ran.

    A job that was cut off and resumed counts with its last attempt alone. Jobs without a measured
    time, because they were too short or their benchmark is gone, show in the number of jobs.

    Args:
        root: folder of the results.
        work: one file of every job, below root, as Paths.work names them.
    """
    files = [Path(file).relative_to(root) for file in work]
    files = [file for file in files if file.parts[0] in RULES]
    seconds = [_cpu_seconds(root, file) for file in files]
    measured = [one for one in seconds if not isnan(one)]
    jobs = f"{len(files)} jobs"
    if len(measured) < len(files):
        jobs = f"{len(measured)} measured of {jobs}"
    commits = {_commit(root / file) for file in files if file.name == "run.json"}
    return {
        "CPU time": f"{_duration(sum(measured))} ({jobs})",
        "commit": ", ".join(sorted(commits)),
    }


def _commit(record: Path) -> str:
    with reading(record):
        return str(read_json(record)["commit"] or "none")[:7]


def _cpu_seconds(root: Path, file: Path) -> float:
    """Snakemake's measurement of the job that wrote a file; NaN without one."""
    folder, *names = file.parts[:-1]
    benchmark = root / "benchmarks" / RULES[folder] / f"{'/'.join(names)}.tsv"
    if not benchmark.exists():
        return nan
    with reading(benchmark):
        return float(pd.read_csv(benchmark, sep="\t")["cpu_time"].iloc[-1])


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
