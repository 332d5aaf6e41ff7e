"""Whether the saved work of a killed job can still be gone on from, or belongs to an older state.

The origin that a job would look for is worked out as the job does it, see `job_warmup`, `job_train`
and `job_select`. Torch and the device are left out: this may be asked on another machine.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.plan.graph import Job
from zowarmup.plan.job_digest import codes
from zowarmup.plan.paths import Paths
from zowarmup.storage import checkpoint, journal, provenance, run_json
from zowarmup.storage.selection_json import with_rates

Spec = dict[str, Any]


def overtaken(paths: Paths, job: Job, folder: Path) -> bool:
    """Whether a job's saved work in its folder is of other settings, inputs or code.

    Work of which that cannot be told, since an input of its job is not there yet, is not.
    """
    try:
        then, now = _then(folder), _NOW[job.rule](paths, job)
    except (OSError, UserError, ValueError, KeyError):
        return False
    return then is not None and any(then.get(name) not in now[name] for name in now)


def _then(folder: Path) -> Spec | None:
    """What saved work says that it is of; None where there is none."""
    if (state := folder / "state" / "state.json").exists():
        return dict(read_json(state)["origin"])
    journals = [folder / "journal.jsonl", *sorted((folder / "state").glob("trials-*.jsonl"))]
    return next((journal.provenance_of(file) for file in journals if file.exists()), None)


def _warmup(paths: Paths, job: Job) -> Spec:
    spec, inputs = paths.plan.warmups[job.name], paths.warmup_inputs(job.name, job.part)
    [phase] = with_rates([spec["phase"]], inputs["selections"])
    files = {name: inputs[name] for name in ("data", "federation")}
    return _now("warmup", spec | {"phase": phase}, files, int(job.part))


def _run(paths: Paths, job: Job) -> Spec:
    spec, inputs = paths.plan.runs[job.name], paths.run_inputs(job.name, job.part)
    files = {name: inputs[name] for name in ("data", "federation")}
    if spec["warmup"]:
        pivot = spec["phases"][0]["rounds"]
        files["start"] = checkpoint.snapshot(inputs["warmup"], pivot)
    phases = with_rates(spec["phases"], inputs["selections"])
    return _now("train", spec | {"phases": phases}, files, int(job.part))


def _select(paths: Paths, job: Job) -> Spec:
    spec, inputs = paths.plan.selections[job.name], paths.selection_inputs(job.name)
    [phase] = with_rates([spec["phase"]], inputs["selections"])
    starts = [checkpoint.snapshot(folder, spec["start"]) for folder in inputs["warmups"]]
    files = provenance.files_of_trials(inputs["data"], inputs["federations"], starts)
    return _now("select", spec | {"phase": phase}, files)


def _now(
    rule: str, spec: Spec, files: Mapping[str, Path | str], *seed: int
) -> dict[str, list[Any]]:
    """What may stand in an origin; the code as the workflow has it, or as `zowarmup run` does."""
    made = {
        "spec": [json.loads(json.dumps(spec))],
        "inputs": [{name: run_json.sha256(file) for name, file in files.items()}],
        "code": codes(rule, spec),
    }
    return made | ({"seed": list(seed)} if seed else {})


_NOW = {"warmup": _warmup, "train": _run, "select": _select}
