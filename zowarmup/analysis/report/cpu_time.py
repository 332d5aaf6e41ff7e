"""What the jobs behind results cost, and which code they ran: from their records and benchmarks."""

from collections.abc import Iterable
from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json

RULES = {"warmups": "warmup", "selections": "select", "runs": "train"}  # by folder of results


def job_facts(root: Path, work: Iterable[str]) -> dict[str, str]:
    """CPU time of all training and choosing of learning rates, and the commits that it ran.

    A job that was cut off and went on counts with its last attempt alone; one that was too short
    to be measured, or whose measurement is gone, is left out and the number of measured jobs said.

    Args:
        root: folder of the results.
        work: one file of every job, below root, as Paths.work names them.
    """
    files = [Path(file).relative_to(root) for file in work]
    files = [file for file in files if file.parts[0] in RULES]
    measured = [seconds for file in files if (seconds := cpu_seconds(root, file)) is not None]
    jobs = f"{len(files)} jobs"
    if len(measured) < len(files):
        jobs = f"{len(measured)} measured of {jobs}"
    commits = {_commit(root / file) for file in files if file.name == "run.json"}
    return {
        "CPU time": f"{duration(sum(measured))} ({jobs})",
        "commit": ", ".join(sorted(commits)),
    }


def _commit(record: Path) -> str:
    with reading(record):
        return str(read_json(record)["commit"] or "none")[:7]


def cpu_seconds(root: Path, file: Path) -> float | None:
    """What Snakemake measured of the job that wrote a file; None if it has no measurement."""
    folder, *names = file.parts[:-1]
    benchmark = root / "benchmarks" / RULES[folder] / f"{'/'.join(names)}.tsv"
    if not benchmark.exists():
        return None
    with reading(benchmark):
        names, *lines = (
            line.split("\t") for line in benchmark.read_text(encoding="utf-8").splitlines()
        )
        text = dict(zip(names, lines[-1], strict=True))["cpu_time"]
        return None if text == "NA" else float(text)


def duration(seconds: float) -> str:
    """Seconds in the unit that a reader would choose."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
