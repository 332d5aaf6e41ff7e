"""How far every job of a results folder is: done, running, failed, waiting or diverged."""

import json
import platform
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import holder, read_json
from zowarmup.inspection.metric_rows import last_row
from zowarmup.inspection.result_paths import Place, place_of, places
from zowarmup.plan.graph import RESULT, Graph, Job, graph
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan

Facts = dict[str, Any]

DONE, DIVERGED, RUNNING, FAILED, WAITING = "done", "diverged", "running", "failed", "waiting"
STATES = (FAILED, RUNNING, DIVERGED, WAITING, DONE)  # what needs a look first
WHAT = {"warmup": "warm-up", "select": "selection", "train": "run"}
KINDS = ("warmups", "selections", "runs")
SAVED = ("journal.jsonl", "state", "partial", "progress.json")  # what a job leaves on its way
FRESH = 20.0  # seconds for which a job that said how far it is counts as being at work
TAIL = 1 << 16  # bytes of a log's end that are read

ERROR = re.compile(r"^\S+ ERROR (.*)$", re.MULTILINE)
STOPPED = re.compile(r"^\S+ WARNING (stopped by .*)$", re.MULTILINE)


def jobs_of(root: Path) -> list[Facts]:
    """The jobs whose folders are in results/<config>, in the order of STATES."""
    return _sorted(state_of(place) for place in places(root) if place.rule in WHAT)


def jobs_of_plan(plan: Plan, results: str) -> list[Facts]:
    """All that a config asks for, also where nothing is there yet."""
    paths, jobs = Paths(plan, results), graph(plan)
    found = {job: state_of(_place(paths, job), _rounds(plan, job)) for job in jobs if _shown(job)}
    for job, facts in found.items():
        if facts["state"] == WAITING:
            facts["note"] = _waits_for(job, jobs, found)
    return _sorted(found.values())


def state_of(place: Place, total: int | None = None) -> Facts:
    """One job: its state and, as far as they are known, round, accuracy and time to go."""
    try:
        with reading(place.folder):
            return _state(place, total)
    except UserError as error:
        return _facts(place, {}, {}, total) | {"state": FAILED, "note": str(error)}


def _state(place: Place, total: int | None) -> Facts:
    folder = place.folder
    told = _progress(folder)
    who = holder(folder / "lock") or _seen(told)
    row = last_row(folder) or {}
    facts = _facts(place, told, row, total)
    if who is not None:
        trial = f"{told['what']}, " if place.rule == "select" and "what" in told else ""
        facts |= {"state": RUNNING, "note": trial + who}
        facts["seconds_left"] = told.get("seconds_left")
    elif _is_there(place):
        facts |= _finished(place, row)
    elif any((folder / name).exists() for name in SAVED) or last_error(place.log):
        facts["state"] = FAILED
        facts["note"] = last_error(place.log) or "was killed; goes on when it is started again"
        facts["round"] = facts["round"] or _reached(folder)
    return facts


def _facts(place: Place, told: Facts, row: Facts, total: int | None) -> Facts:
    """What is known of a job at work from what it tells, else from its last row."""
    return {
        "what": WHAT.get(place.rule, place.rule),
        "name": place.name,
        "seed": place.part,
        "state": WAITING,
        "round": told.get("round", row.get("round")),
        "of": told.get("total", total),
        "test_accuracy": told.get("test_accuracy", row.get("test_accuracy")),
        "test_loss": told.get("test_loss", row.get("test_loss")),
        "seconds_left": None,
        "note": "",
    }


def _is_there(place: Place) -> bool:
    """Whether the result is there; a warm-up's snapshots may have been taken away by hand."""
    snapshots = place.folder / "snapshots"
    return (place.folder / RESULT[place.rule]).is_file() and (
        place.rule != "warmup" or snapshots.is_dir()
    )


def _finished(place: Place, row: Facts) -> Facts:
    if place.rule == "select":
        chosen = read_json(place.folder / "selection.json")
        edge = ", the edge of its grid" if chosen["at_edge"] else ""
        return {"state": DONE, "note": f"lr {chosen['lr']:g}{edge}"}
    return {"state": DIVERGED if row.get("diverged") else DONE, "of": row.get("round")}


def summary(jobs: Iterable[Facts]) -> list[Facts]:
    """How many jobs of each kind are in each state."""
    rows = {what: dict.fromkeys(STATES[::-1], 0) for what in WHAT.values()}
    for job in jobs:
        rows[job["what"]][job["state"]] += 1
    return [{"what": what} | counts for what, counts in rows.items() if any(counts.values())]


def last_error(log: Path) -> str | None:
    """What ended a job, in one line of its log; None where the log names nothing."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return None
    if errors := ERROR.findall(text):
        unexpected = errors[-1] == "the job failed"  # its traceback follows
        return text.rstrip().splitlines()[-1].strip() if unexpected else str(errors[-1])
    stops = STOPPED.findall(text)
    return str(stops[-1]) if stops else None


def _progress(folder: Path) -> Facts:
    """What a job at work says of itself; nothing where it has said nothing yet."""
    try:
        found = json.loads((folder / "progress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(found) if isinstance(found, dict) else {}


def _seen(told: Facts) -> str | None:
    """Who has said a moment ago that it works here, for file systems where locks are not seen."""
    if "at" not in told:
        return None
    then = datetime.strptime(told["at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    since = abs((datetime.now(UTC) - then).total_seconds())
    if since > max(FRESH, 3 / told["rounds_per_second"]):
        return None
    if told["host"] == platform.node() and not Path(f"/proc/{told['pid']}").exists():
        return None
    job = f", SLURM job {told['slurm_job']}" if told["slurm_job"] else ""
    return f"pid {told['pid']} on {told['host']}{job}"


def _reached(folder: Path) -> int | None:
    """The last round that a job has kept."""
    if (state := folder / "state" / "state.json").is_file():
        return int(read_json(state)["t"])
    if (path := folder / "journal.jsonl").is_file():
        last = path.read_bytes().rstrip(b"\n").rpartition(b"\n")[2]
        found = re.search(rb'"round":(\d+)', last)
        return int(found[1]) if found else None
    return None


def _shown(job: Job) -> bool:
    return job.rule in WHAT


def _place(paths: Paths, job: Job) -> Place:
    path = {
        "warmup": lambda: paths.warmup(job.name, job.part),
        "select": lambda: str(Path(paths.selection(job.name)).parent),
        "train": lambda: paths.run(job.name, job.part),
    }[job.rule]()
    place = place_of(Path(path))
    assert place is not None
    return place


def _rounds(plan: Plan, job: Job) -> int | None:
    """The last round that a job is to reach."""
    if job.rule == "warmup":
        return int(plan.warmups[job.name]["rounds"])
    if job.rule == "train":
        return sum(phase["rounds"] for phase in plan.runs[job.name]["phases"])
    return None


def _waits_for(job: Job, jobs: Graph, found: Mapping[Job, Facts]) -> str:
    """Which of its inputs are not there yet."""
    missing = [
        " ".join(filter(None, (WHAT[other.rule], other.name, other.part)))
        for other in jobs[job]
        if other in found and found[other]["state"] not in (DONE, DIVERGED)
    ]
    if not missing:
        return "can start"
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"for {missing[0]}{more}"


def _sorted(jobs: Iterable[Facts]) -> list[Facts]:
    return sorted(jobs, key=lambda job: (STATES.index(job["state"]), job["what"] == "run"))
