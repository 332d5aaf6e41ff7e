"""The work that the server and all nodes share: a run, its learning rates as numbers, its seeds.

A node starts a process for each message, so this module imports no more than a node needs.
"""

import hashlib
from typing import Self

from pydantic import model_validator

from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.plan.specs import Phase, RunSpec, Value

MODELS = ("fedavg", "fedadam")  # algorithms in which models travel
# In which scalars travel, see algorithms.answers. A subclass of `ZO` with a round of its own does
# not belong here before it has `answers` and `collect` of its own.
SCALARS = ("zo", "zo_adam", "zo_local", "fedkseed")


class Job(Value):
    """The job of a server and its nodes."""

    spec: RunSpec
    seed: int
    draws: dict[str, int]  # the seeds by kind of draw

    @model_validator(mode="after")
    def _possible(self) -> Self:
        """A node runs the package's own code, and nothing that a server names."""
        for phase in self.spec.phases:
            _check(phase)
        if self.spec.network is not None:
            raise ValueError(f"{self.spec.model} is a network of a user's file: nodes run no files")
        if self.spec.reads_probes:
            raise ValueError("nodes make no probes; give the pivot and the rates as numbers")
        if self.spec.engine.device != "cpu":
            raise ValueError("engine.device: nodes compute on the CPU; set it to cpu")
        return self

    @property
    def seeds(self) -> Seeds:
        """The seeds of the draws."""
        return Seeds(**self.draws)

    @property
    def fingerprint(self) -> str:
        """Tells this job from others, in every message and in the folders of nodes."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


def _check(phase: Phase) -> None:
    if phase.source is not None:
        raise ValueError(f"{phase.algorithm} is a method of a user's file: nodes run no files")
    if phase.algorithm not in (*MODELS, *SCALARS):
        use = ", ".join((*MODELS, *SCALARS))
        raise ValueError(f"{phase.algorithm} does not run on real clients; use {use}")
    if phase.settings.get("estimator") == "directional":
        raise ValueError(
            "estimator: directional is a shortcut of the simulation; set it to two_point"
        )


def read(text: str) -> Job:
    """Return the job that a server sent.

    Raises:
        UserError: it is no job for a node.
    """
    try:
        return Job.model_validate_json(text)
    except ValueError as error:
        raise UserError(f"the server's job: {reason(error)}") from None


def reason(error: ValueError) -> str:
    """Why something is no job."""
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"] if errors else error).removeprefix("Value error, ")
