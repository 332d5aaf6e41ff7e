"""Use the project from Python, without Snakemake.

from zowarmup import api

table = api.run_config("config/smoke.yaml", runs=["zowarmup-10-90"], seeds=[0])
run = api.load_run("results/smoke/runs/zowarmup-10-90/0")
run.metrics.plot(x="round", y="test_accuracy")
logits = run.module()(images)            # a plain torch.nn.Module
middle = run.module(round=run.record["spec"]["phases"][0]["rounds"] + 5)
api.export_state_dict("results/smoke/runs/zowarmup-10-90/0/final.safetensors", "model.pt")
api.status("results/smoke")             # a table of all jobs

Training in memory, without files:

federation = api.federate(x_train, y_train, x_test, y_test, clients=20, alpha=0.1)
warm = api.start(federation, Net, split="10/90").warm_up(rounds=20, lr=0.1)
warm.train(rounds=50, lr=0.01).metrics
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from zowarmup.analysis import csv_file, metrics
from zowarmup.common import preflight
from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json
from zowarmup.inspection import job_status, models
from zowarmup.inspection.compare import compare
from zowarmup.inspection.evaluate import evaluate
from zowarmup.inspection.inspect import inspect
from zowarmup.inspection.verify import verify
from zowarmup.notebook.federate import Federated, federate
from zowarmup.notebook.training import Training, start
from zowarmup.without_snakemake import Maker

__all__ = ["Federated", "Run", "Training", "compare", "evaluate", "export_state_dict", "federate"]
__all__ += ["inspect", "load_module", "load_run", "run_config", "start", "status", "verify"]

File = str | Path


@dataclass(frozen=True)
class Run:
    """A finished run on disk.

    Attributes:
        folder: results/<name>/runs/<run>/<seed>.
        metrics: one row per evaluated round of the phases after the warm-up.
        record: the run record (run.json): settings, inputs, versions and seeds of the run.
    """

    folder: Path
    metrics: pd.DataFrame
    record: dict[str, Any]

    def module(self, round: int | None = None) -> nn.Module:
        """Return the model after a round (by default the last) as a plain module with its weights.

        Raises:
            UserError: the run has no such round.
        """
        final = self.folder / "final.safetensors"
        return (models.load(final) if round is None else models.at(self.folder, round)).module()


def load_run(folder: File) -> Run:
    """Open a finished run.

    Raises:
        UserError: the folder has no finished run, or the installed code is not the checkout's.
    """
    preflight.check_code()
    record = Path(folder) / "run.json"
    if not record.is_file():
        raise UserError(f"{record}: no such file; give the folder of a finished run")
    return Run(Path(folder), csv_file.read(Path(folder) / "metrics.csv"), read_json(record))


def load_module(file: File) -> nn.Module:
    """Return a checkpoint or snapshot as a plain module with its weights.

    Raises:
        CheckpointError: the file is unreadable, or not of this project.
    """
    return models.load(Path(file)).module()


def export_state_dict(file: File, output: File, *, overwrite: bool = True) -> None:
    """Write a checkpoint, or the model of a run's folder, as a state_dict for `torch.load`.

    Raises:
        CheckpointError: the file is unreadable, or not of this project.
        UserError: the output exists, and `overwrite` is false.
    """
    models.export(models.latest(Path(file)), output, overwrite=overwrite)


def status(results: File) -> pd.DataFrame:
    """Return the state of the warm-ups, selections and runs in results/<name>, a row per job."""
    return pd.DataFrame(map(dataclasses.asdict, job_status.jobs_of(Path(results))))


def run_config(
    config: File,
    *,
    runs: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    results: File = "results",
) -> pd.DataFrame:
    """Train runs of a config in this process, after the jobs that these runs start from.

    Names and bits of the files are those of the workflow; existing results are reused.

    Args:
        runs: names as `zowarmup plan --list` shows them; all by default.
        seeds: by default all that the studies ask for.
        results: the folder to use in place of results/.

    Returns:
        The tidy rows of these runs, as in metrics.csv.

    Raises:
        UserError: the config or one of the names is wrong.
    """
    return csv_file.read(Maker(config, results).metrics(runs, seeds), metrics.TEXT)
