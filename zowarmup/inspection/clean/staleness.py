"""Whether the saved work of a killed job is stale: its provenance has changed.

The provenance that a job would look for is computed as in zowarmup/jobs. Torch and the device are
left out: this may run on another machine.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.inspection.provenance import Spec, read_record
from zowarmup.plan.graph import Job
from zowarmup.plan.job_digest import codes
from zowarmup.plan.paths import Paths
from zowarmup.storage import checkpoint, provenance, run_json
from zowarmup.storage.selection_json import with_rates

Files = Mapping[str, Path | str]


def is_stale(paths: Paths, job: Job, folder: Path) -> bool:
    """Whether a job's saved work in its folder is of other settings, inputs or code.

    It is not where that is unknown, because an input of its job is missing.
    """
    trials = sorted((folder / "state").glob("trials-*.jsonl"))
    files = [folder / "state" / "state.json", folder / "journal.jsonl", *trials]
    try:
        saved = next((read_record(file) for file in files if file.exists()), None)
        spec, inputs = _now(paths, job)
        hashes = {name: run_json.sha256(file) for name, file in inputs.items()}
    except (OSError, UserError, ValueError, KeyError):
        return False
    return saved is not None and not (
        saved.spec == json.loads(json.dumps(spec))
        and saved.inputs == hashes
        and saved.code in codes(job.rule, spec)
        and str(saved.seed if saved.seed is not None else "") == job.part
    )


def _now(paths: Paths, job: Job) -> tuple[Spec, Files]:
    """The description of a job, learning rates selected, and the files that it reads."""
    if job.rule == "train":
        spec, inputs = paths.plan.runs[job.name], paths.run_inputs(job.name, job.part)
        phases = with_rates(spec["phases"], inputs["selections"])
        files = {name: inputs[name] for name in ("data", "federation")}
        if spec["warmup"]:
            files["start"] = checkpoint.snapshot(inputs["warmup"], spec["phases"][0]["rounds"])
        return spec | {"phases": phases}, files
    if job.rule == "warmup":
        spec, inputs = paths.plan.warmups[job.name], paths.warmup_inputs(job.name, job.part)
        files = {name: inputs[name] for name in ("data", "federation")}
    else:
        spec, inputs = paths.plan.selections[job.name], paths.selection_inputs(job.name)
        starts = [checkpoint.snapshot(folder, spec["start"]) for folder in inputs["warmups"]]
        files = provenance.files_of_trials(inputs["data"], inputs["federations"], starts)
    [phase] = with_rates([spec["phase"]], inputs["selections"])
    return spec | {"phase": phase}, files
