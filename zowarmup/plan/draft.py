"""Drafts: runs and phases as a config describes them, before their learning rates are selected."""

import json
from dataclasses import dataclass
from functools import cached_property

from zowarmup.config.phase import Phase
from zowarmup.plan.specs import Backprop, EngineSpec, JobSpec, Plain


@dataclass(frozen=True)
class Draft:
    """A run, or the part of one that decides the model at the start of a phase.

    Attributes:
        phases: the rates of each as a number, "select" or another method's.
        last: in place of the last phase, its settings without those that do not count.
    """

    dataset: str
    federation: str
    split: str | None
    model: str
    width: float
    engine: EngineSpec
    pin: dict[str, int]
    evaluate_every: int
    snapshot_every: int
    phases: tuple[Phase, ...]
    backprop: Backprop | None = None
    last: Plain | None = None

    @cached_property
    def identity(self) -> str:
        """Equal for equal drafts."""
        phases = [phase.model_dump() for phase in self.phases]
        job = self.job.model_dump(mode="json")
        return json.dumps([job, phases, self.last], sort_keys=True)

    @cached_property
    def job(self) -> JobSpec:
        """Everything but the phases."""
        return JobSpec.model_validate({name: getattr(self, name) for name in JobSpec.model_fields})


def setting(phase: Phase, name: str) -> object:
    """A setting that only some algorithms have; None where this one has not."""
    return getattr(phase, name, None)
