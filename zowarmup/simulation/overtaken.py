"""Whether the saved work of a killed job can still be gone on from, or belongs to an older state.

The fingerprint that a job would look for is worked out as the job does it, see `job_warmup` and
`job_train`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings import registry
from zowarmup.settings.errors import UserError
from zowarmup.settings.jobs import Job
from zowarmup.settings.paths import Paths
from zowarmup.settings.provenance import ROOT, code_digest
from zowarmup.simulation import checkpoint, journal, record
from zowarmup.simulation.rates import with_rates

Spec = dict[str, Any]
SCRIPTS = ROOT.parent / "workflow" / "scripts"


def overtaken(paths: Paths, job: Job, saved: Path) -> bool:
    """Whether a warm-up's or a run's saved work is of other settings, inputs or code.

    Work of which that cannot be told, since an input of its job is not there yet, is not.
    """
    try:
        belongs_to = _belongs_to(saved)
        known = _warmup(paths, job) if job.rule == "warmup" else _run(paths, job)
    except (OSError, UserError, ValueError):
        return False
    return belongs_to is not None and belongs_to not in known


def _belongs_to(saved: Path) -> str | None:
    """What saved work says that it is of; None where there is none."""
    if not saved.exists():
        return None
    if saved.is_dir():
        state = json.loads((saved / "state.json").read_text())
        return str(state["belongs_to"])
    header, _ = next(journal.scan(saved), (None, 0))
    return str(header["belongs_to"]) if header else None


def _warmup(paths: Paths, job: Job) -> list[str]:
    spec, inputs = paths.plan.warmups[job.name], paths.warmup_inputs(job.name, job.part)
    [phase] = with_rates([spec["phase"]], inputs["selections"])
    files = record.sha256(inputs["data"], inputs["federation"])
    return _fingerprints("warmup", spec | {"phase": phase}, job, [spec["phase"]], files)


def _run(paths: Paths, job: Job) -> list[str]:
    spec, inputs = paths.plan.runs[job.name], paths.run_inputs(job.name, job.part)
    files = [inputs["data"], inputs["federation"]]
    if spec["warmup"]:
        files.append(checkpoint.snapshot(inputs["warmup"], spec["phases"][0]["rounds"]))
    phases = with_rates(spec["phases"], inputs["selections"])
    own = spec["phases"][1 if spec["warmup"] else 0 :]
    return _fingerprints("train", spec | {"phases": phases}, job, own, record.sha256(*files))


def _fingerprints(
    script: str, spec: Spec, job: Job, phases: Sequence[Spec], files: str
) -> list[str]:
    """As the workflow has it, and as `zowarmup run` does, which needs no script."""
    modules = registry.modules_of(spec, phases)
    codes = [code_digest(modules, SCRIPTS / f"{script}.py"), code_digest(modules)]
    return [record.fingerprint(spec, int(job.part), code, files) for code in codes]
