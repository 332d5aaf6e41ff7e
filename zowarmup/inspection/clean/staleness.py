"""Whether the saved work of a killed job is stale: its provenance has changed.

The provenance that a job would look for is computed as in zowarmup/jobs. Torch and the device are
left out: this may run on another machine.
"""

from collections.abc import Mapping
from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.inspection.provenance import read_record
from zowarmup.plan import graph
from zowarmup.plan.graph import Job, codes, spec_of
from zowarmup.plan.paths import Paths
from zowarmup.plan.specs import RunSpec, SelectionSpec, TrainingSpec
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
        spec, inputs = _current(paths, job)
        hashes = {name: run_json.sha256(file) for name, file in inputs.items()}
    except (OSError, UserError, ValueError, KeyError):
        return False
    return saved is not None and not (
        saved.spec == spec
        and saved.inputs == hashes
        and saved.code in codes(job.rule, spec)
        and str(saved.seed if saved.seed is not None else "") == job.part
    )


def _current(paths: Paths, job: Job) -> tuple[TrainingSpec, Files]:
    """The spec of a job, learning rates selected, and the files that it reads."""
    spec, inputs = spec_of(paths.plan, job), graph.inputs(paths, job)
    spec = with_rates(spec, inputs["selections"])
    if isinstance(spec, SelectionSpec):
        starts = [checkpoint.snapshot(folder, spec.start) for folder in inputs["warmups"]]
        files = provenance.files_of_trials(str(inputs["data"]), inputs["federations"], starts)
        return spec, files
    files = {name: str(inputs[name]) for name in ("data", "federation")}
    if isinstance(spec, RunSpec) and spec.warmup:
        files["start"] = checkpoint.snapshot(str(inputs["warmup"]), spec.pivot)
    return spec, files
