"""Whether finished training has the settings that are wanted now."""

from pathlib import Path

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.plan.specs import TrainingSpec, WarmupSpec, read_spec
from zowarmup.storage.provenance import differences

# No settings: rates that a selection or probes decide, and the name of a folder.
OPEN = (" and is {", " and is auto", "warmup was")


def change(record: Path, spec: TrainingSpec) -> str:
    """The first setting in which a run.json differs from a spec, or nothing.

    A warm-up may be longer than needed or have probes that nobody reads. Where a rule decides the
    pivot of a run, the rounds of its phases are no settings.

    Raises:
        UserError: the file cannot be read.
    """
    with reading(record):
        made = read_spec(read_json(record)["spec"]).model_dump(mode="json")
    free: tuple[str, ...] = OPEN
    if isinstance(spec, WarmupSpec):
        free = (*OPEN, "rounds was", "probes")
    elif getattr(spec, "pivot_rule", None) is not None:
        free = (*OPEN, "rounds was")
    changes = differences(made, spec.model_dump(mode="json"))
    return next((c for c in changes if not any(word in c for word in free)), "")
