"""The work that the server and all nodes share: a run, its learning rates as numbers, its seeds."""

import hashlib
from pathlib import Path
from typing import Self

from pydantic import model_validator

from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.flower.settings import ServerSettings
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import plan
from zowarmup.plan.specs import Phase, RunSpec, Value
from zowarmup.storage import selection_json

MODELS = ("fedavg", "fedadam")  # algorithms in which models travel
SCALARS = ("zo", "zo_adam", "zo_local", "fedkseed")  # in which scalars travel


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


def of(settings: ServerSettings) -> tuple[Job, Paths]:
    """Return the job that the server's settings name, and the paths of its files.

    Raises:
        UserError: the config has no such run, the run cannot be trained by real clients, or a
            learning rate is not selected yet.
    """
    every = plan([str(settings.config)])
    if settings.run not in every.runs:
        raise UserError(
            f"run: {settings.config} has no run {settings.run!r}; use one of "
            f"{', '.join(every.runs)}"
        )
    paths = Paths(every, str(settings.results))
    spec = every.runs[settings.run]
    files = [Path(paths.selection(name)) for name in spec.selections]
    for file in files:
        if not file.is_file():
            raise UserError(
                f"{file}: no such file, but a learning rate is selected there; copy it from the "
                "results of the workflow, or give the rate in the config as a number"
            )
    spec = selection_json.with_rates(spec, files)
    try:
        job = Job(spec=spec, seed=settings.seed, draws=vars(spec.seeds_of(settings.seed)))
    except ValueError as error:
        raise UserError(f"run: {settings.run}: {_first(error)}") from None
    return job, paths


def read(text: str) -> Job:
    """Return the job that a server sent.

    Raises:
        UserError: it is no job for a node.
    """
    try:
        return Job.model_validate_json(text)
    except ValueError as error:
        raise UserError(f"the server's job: {_first(error)}") from None


def _first(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"] if errors else error).removeprefix("Value error, ")
