"""The job that a server's settings name, which only the server plans."""

from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.flower.job import Job, reason
from zowarmup.flower.settings import ServerSettings
from zowarmup.plan.paths import Paths
from zowarmup.plan.plan import Plan, plan
from zowarmup.plan.specs import RunSpec
from zowarmup.storage import selection_json


def planned(config: Path, run: str) -> tuple[Plan, RunSpec]:
    """Return the plan of a config, and a run of it.

    Raises:
        UserError: the config has no such run.
    """
    every = plan([str(config)])
    if run not in every.runs:
        raise UserError(f"run: {config} has no run {run!r}; use one of {every.like(run)}")
    return every, every.runs[run]


def of(settings: ServerSettings) -> tuple[Job, Paths]:
    """Return the job that the server's settings name, and the paths of its files.

    Raises:
        UserError: the config has no such run, the run cannot be trained by real clients, or a
            learning rate is not selected yet.
    """
    every, spec = planned(settings.config, settings.run)
    paths = Paths(every, str(settings.results))
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
        raise UserError(f"run: {settings.run}: {reason(error)}") from None
    return job, paths
