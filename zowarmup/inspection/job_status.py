"""The state of every job of a results folder: done, running, failed, waiting or diverged."""

import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import holder, read_json
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.results import Place, places, rows_of
from zowarmup.plan.graph import RESULT, RULES, Graph, Job, graph, spec_of
from zowarmup.plan.plan import Plan

DONE, DIVERGED, RUNNING, FAILED, WAITING = "done", "diverged", "running", "failed", "waiting"
STATES = (FAILED, RUNNING, DIVERGED, WAITING, DONE)  # in the order of urgency
WHAT = {"warmup": "warm-up", "select": "selection", "train": "run"}
KINDS = {rule: kind for kind, rule in RULES.items() if rule in WHAT}
SAVED = ("journal.jsonl", "state", "progress.json")  # the files of an unfinished job
FRESH = 20.0  # seconds; a job that wrote its progress this recently counts as running
KILLED = "was killed; resumes when it is started again"

ERROR = re.compile(r"^\S+ ERROR (.*)$", re.MULTILINE)
STOPPED = re.compile(r"^\S+ WARNING (stopped by .*)$", re.MULTILINE)


@dataclass(frozen=True)
class JobStatus:
    """The state of one job; None stands for a number that is not known."""

    what: str  # one of WHAT
    name: str
    seed: str
    state: str = WAITING
    round: int | None = None  # the last finished round
    of: int | None = None  # the last round of the job
    test_accuracy: float | None = None
    test_loss: float | None = None
    seconds_left: float | None = None  # of a running job
    note: str = ""  # the job's process, its error or the jobs that it waits for


def jobs_of(root: Path) -> list[JobStatus]:
    """The jobs whose folders are in results/<config>, in the order of STATES."""
    return _sorted(status_of(place) for place in places(root) if place.rule in WHAT)


def jobs_of_plan(plan: Plan, results: str) -> list[JobStatus]:
    """All jobs of a config, in the order of STATES."""
    root, jobs = Path(results).absolute() / plan.name, graph(plan)
    statuses = {
        job: status_of(
            Place(root, KINDS[job.rule], job.name, job.part),
            None if job.rule == "select" else sum(p.rounds for p in spec_of(plan, job).phases),
        )
        for job in jobs
        if job.rule in WHAT
    }
    return _sorted(
        replace(status, note=_waits_for(job, jobs, statuses)) if status.state == WAITING else status
        for job, status in statuses.items()
    )


def status_of(place: Place, total: int | None = None) -> JobStatus:
    """Return the state of a job with `total` rounds; a job with damaged files has failed."""
    status = JobStatus(WHAT.get(place.rule, place.rule), place.name, place.part, of=total)
    try:
        with reading(place.folder):
            return _status(place, status)
    except UserError as error:
        return replace(status, state=FAILED, note=str(error))


def _status(place: Place, status: JobStatus) -> JobStatus:
    folder = place.folder
    progress, rows = _progress(folder), rows_of(folder)
    row = rows[-1] if rows else {}
    latest = row | progress
    keys = ("round", "test_accuracy", "test_loss")
    measured: dict[str, Any] = {key: latest.get(key) for key in keys}
    status = replace(status, of=progress.get("total", status.of), **measured)
    if process := holder(folder / "lock") or _recent(progress):
        trial = f"{progress['what']}, " if place.rule == "select" and "what" in progress else ""
        left = progress.get("seconds_left")
        return replace(status, state=RUNNING, note=trial + process, seconds_left=left)
    # A warm-up's snapshots may have been deleted by hand.
    whole = place.rule != "warmup" or (folder / "snapshots").is_dir()
    if whole and (folder / RESULT[place.rule]).is_file():
        return _finished(place, status, row)
    name = Path(place.name, place.part)
    error = last_error(place.root / "logs" / place.rule / f"{name}.log")
    if error or any((folder / name).exists() for name in SAVED):
        return replace(status, state=FAILED, note=error or KILLED)
    return status


def _finished(place: Place, status: JobStatus, row: Mapping[str, Any]) -> JobStatus:
    if place.rule == "select":
        selected = read_json(place.folder / "selection.json")
        rates = ", ".join(f"{rate:g}" for rate in selected["rates"].values())
        edge = ", an edge of the grid" if selected["edges"] else ""
        return replace(status, state=DONE, note=f"lr {rates}{edge}")
    note = _decided(place.folder / "run.json") if place.rule == "train" else ""
    state = DIVERGED if row.get("diverged") else DONE
    return replace(status, state=state, of=row.get("round"), note=note)


def _decided(record: Path) -> str:
    """A note with the pivot that a rule decided; "" if none did."""
    pivot = read_json(record).get("decided", {}).get("pivot")
    return f"pivot {pivot['pivot']}, by {pivot['rule']}" if pivot else ""


def summary(jobs: Iterable[JobStatus]) -> list[Facts]:
    """The number of jobs of each kind in each state."""
    rows = {what: dict.fromkeys(STATES[::-1], 0) for what in WHAT.values()}
    for job in jobs:
        rows[job.what][job.state] += 1
    return [{"what": what} | counts for what, counts in rows.items() if any(counts.values())]


def last_error(log: Path) -> str | None:
    """Return the line of a log with the error that ended the job; None if there is no error."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    *_, error = (None, *(ERROR.findall(text) or STOPPED.findall(text)))
    unexpected = error == "the job failed"  # its traceback follows
    return text.rstrip().splitlines()[-1].strip() if unexpected else error


def _progress(folder: Path) -> dict[str, Any]:
    """Return the progress that a job has written; {} if there is no progress yet."""
    try:
        progress = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
        return dict(progress) if isinstance(progress, dict) else {}
    except (OSError, ValueError):
        return {}


def _recent(progress: Mapping[str, Any]) -> str | None:
    """Return the process that wrote the progress just now, since some file systems lack locks."""
    if "at" not in progress:
        return None
    then = datetime.strptime(progress["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    fresh = max(FRESH, 3 / progress["rounds_per_second"])
    if abs((datetime.now(UTC) - then).total_seconds()) > fresh:
        return None
    pid, host, job = (progress[key] for key in ("pid", "host", "slurm_job"))
    if host == platform.node() and not Path(f"/proc/{pid}").exists():
        return None
    return f"pid {pid} on {host}" + (f", SLURM job {job}" if job else "")


def _waits_for(job: Job, jobs: Graph, statuses: Mapping[Job, JobStatus]) -> str:
    """Return a note with the first job that `job` waits for, and the number of other such jobs."""
    missing = [
        " ".join(filter(None, (WHAT[other.rule], other.name, other.part)))
        for other in jobs[job]
        if other in statuses and statuses[other].state not in (DONE, DIVERGED)
    ]
    if not missing:
        return "can start"
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"for {missing[0]}{more}"


def _sorted(jobs: Iterable[JobStatus]) -> list[JobStatus]:
    return sorted(jobs, key=lambda job: (STATES.index(job.state), job.what == "run"))
