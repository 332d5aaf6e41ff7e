"""The digests of the code of a job that trains."""

from zowarmup.common.code_digest import ROOT, code_digest
from zowarmup.config import registry
from zowarmup.plan.specs import TrainingSpec

SCRIPTS = ROOT.parent / "workflow" / "scripts"


def modules(spec: TrainingSpec) -> list[str]:
    """The modules that a job runs beyond those of every job that trains."""
    named = [(registry.ALGORITHMS, phase.algorithm) for phase in spec.own_phases]
    named += [(registry.NETWORKS, spec.model), (registry.ENGINES, spec.engine.name)]
    return [registry.module_of(table, name) for table, name in named]


def codes(rule: str, spec: TrainingSpec) -> list[str]:
    """The digests that the present code has for a job: by the workflow, and by `zowarmup run`."""
    script, names = SCRIPTS / f"{rule}.py", modules(spec)
    return [*([code_digest(names, script)] if script.is_file() else []), code_digest(names)]
