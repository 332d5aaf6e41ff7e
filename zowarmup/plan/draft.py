"""Drafts: runs and phases as a config describes them, before their learning rates are selected."""

import json
from dataclasses import dataclass
from functools import cached_property

from zowarmup.config.phase import Phase
from zowarmup.plan.specs import JobSpec, Plain


@dataclass(frozen=True)
class Draft:
    """A run, or the part of one that decides the model at the start of a phase.

    Attributes:
        phases: the rates of each as a number, "select" or another method's.
        last: in place of the last phase, its settings without those that do not count.
    """

    job: JobSpec
    phases: tuple[Phase, ...]
    last: Plain | None = None

    @cached_property
    def identity(self) -> str:
        """Equal for equal drafts."""
        phases = [phase.model_dump() for phase in self.phases]
        return json.dumps([self.job.model_dump(mode="json"), phases, self.last], sort_keys=True)
