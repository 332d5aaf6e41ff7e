"""By which digests the code of a job that trains is known."""

from collections.abc import Mapping, Sequence
from typing import Any

from zowarmup.common.code_digest import ROOT, code_digest
from zowarmup.config import registry

SCRIPTS = ROOT.parent / "workflow" / "scripts"

Spec = Mapping[str, Any]


def own_phases(spec: Spec) -> Sequence[Spec]:
    """The phases that a job trains itself: a run starts where its warm-up ends."""
    if "phase" in spec:
        return [spec["phase"]]
    phases: Sequence[Spec] = spec["phases"]
    return phases[1 if spec["warmup"] else 0 :]


def modules(spec: Spec) -> list[str]:
    """What the job runs beyond what every job that trains does."""
    named = [(registry.ALGORITHMS, phase["algorithm"]) for phase in own_phases(spec)]
    named += [(registry.NETWORKS, spec["model"]), (registry.ENGINES, spec["engine"]["name"])]
    return [registry.module_of(table, name) for table, name in named]


def codes(rule: str, spec: Spec) -> list[str]:
    """The digests that the present code has for a job: by the workflow, and by `zowarmup run`."""
    script, known = SCRIPTS / f"{rule}.py", modules(spec)
    return [*([code_digest(known, script)] if script.is_file() else []), code_digest(known)]
