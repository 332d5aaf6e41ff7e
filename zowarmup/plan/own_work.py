"""The checks of code of the user's own: one for each network and method of a kind of job.

A check has the code, data and settings of the jobs that wait for it, so it runs again only if
these jobs train again as well.
"""

import hashlib
import json

from zowarmup.plan.specs import JobSpec, OwnCheck, Phase, Selected, TrainingSpec

RATE = 0.01  # in place of a rate that is selected later


def is_own(spec: TrainingSpec) -> bool:
    """Whether a job runs code of the user's own."""
    return spec.network is not None or any(phase.source for phase in spec.own_phases)


def check_of(spec: TrainingSpec) -> tuple[str, OwnCheck]:
    """Return the check that a job with code of the user's own waits for, after its name."""
    job = {key: value for key, value in dict(spec).items() if key in JobSpec.model_fields}
    phases = tuple(_with_numbers(phase) for phase in spec.own_phases if _is_tried(spec, phase))
    # Settings that no check depends on, so that none runs again after a change of them.
    plain: dict[str, object] = {"pin": {}, "evaluate_every": 1, "snapshot_every": 1}
    if not phases:  # who trains the network does not matter to it
        plain |= {"split": None, "backprop": None}
    check = OwnCheck(**job | plain, phases=phases)
    text = json.dumps(check.model_dump(mode="json"), sort_keys=True)
    return f"{spec.model}-{hashlib.sha256(text.encode()).hexdigest()[:8]}", check


def _is_tried(spec: TrainingSpec, phase: Phase) -> bool:
    """Whether a check runs a phase: a method of the user's own, or parts of their network."""
    return phase.source is not None or (spec.network is not None and "rate" in phase.settings)


def _with_numbers(phase: Phase) -> Phase:
    selected = [key for key, rate in phase.settings.items() if isinstance(rate, Selected)]
    return phase.but(**dict.fromkeys(selected, RATE))
