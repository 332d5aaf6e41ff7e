"""The project from Python, without Snakemake.

from zowarmup import api

table = api.run_config("config/smoke.yaml", runs=["zowarmup-10-90"], seeds=[0])
run = api.load_run("results/smoke/runs/zowarmup-10-90/0")
run.metrics.plot(x="round", y="test_accuracy")
logits = run.module()(images)            # a plain torch.nn.Module
middle = run.module(round=run.record["spec"]["phases"][0]["rounds"] + 5)
api.export_state_dict("results/smoke/runs/zowarmup-10-90/0/final.safetensors", "model.pt")
api.status("results/smoke")             # a table of all jobs
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from zowarmup.analysis import csv_file, metrics
from zowarmup.common import preflight
from zowarmup.common.errors import UserError
from zowarmup.common.files import atomic_file
from zowarmup.inspection import compare as comparison
from zowarmup.inspection import evaluate as score
from zowarmup.inspection import models
from zowarmup.inspection import verify as verification
from zowarmup.inspection.look import look
from zowarmup.inspection.status import jobs as states
from zowarmup.storage import checkpoint
from zowarmup.training import replay
from zowarmup.without_snakemake import Maker

File = str | Path


@dataclass(frozen=True)
class Run:
    """A finished run on disk.

    Attributes:
        folder: results/<name>/runs/<run>/<seed>.
        metrics: one row per evaluated round of the phases after the warm-up.
        record: run.json: what was run, on what, with which versions and seeds.
    """

    folder: Path
    metrics: pd.DataFrame
    record: dict[str, Any]

    def module(self, round: int | None = None) -> nn.Module:
        """The model after a round, the last by default, as a plain module with its weights.

        Raises:
            UserError: the run has no such round.
        """
        saved = checkpoint.load(self.folder / "final.safetensors")
        model = replay.model_of(saved)
        if round is None:
            return model.module(model.flatten(saved.named))
        return model.module(replay.weights_at(self.folder, round))


def load_run(folder: File) -> Run:
    """Open a finished run.

    Raises:
        UserError: the folder holds none, or other code is installed than that of the checkout that
            this is called in.
    """
    preflight.check_code()
    record = replay.record_of(folder)
    return Run(Path(folder), csv_file.read(Path(folder) / "metrics.csv"), record)


def load_module(file: File) -> nn.Module:
    """A checkpoint or snapshot as a plain module with its weights.

    Raises:
        CheckpointError: unreadable, or not one of ours.
    """
    saved = checkpoint.load(file)
    model = replay.model_of(saved)
    return model.module(model.flatten(saved.named))


def export_state_dict(file: File, output: File, *, overwrite: bool = True) -> None:
    """Write a model as a state_dict for `torch.load`, names as in the module; all or nothing.

    Args:
        file: a checkpoint, or the folder of a run.

    Raises:
        CheckpointError: unreadable, or not one of ours.
        UserError: the output is there already, and is not to be overwritten.
    """
    named = dict(models.latest(Path(file)).saved.named)
    if not overwrite and Path(output).exists():
        raise UserError(f"{output}: is there already; name another file or add --force")
    with atomic_file(output) as target:
        torch.save(named, target)


def inspect(path: File) -> dict[str, Any]:
    """What a checkpoint, journal, federation, data set, selection or folder is, and its origin.

    Raises:
        UserError: nothing there, damaged, or nothing of this project.
    """
    return look.look(Path(path))


def evaluate(file: File, data: File | None = None) -> dict[str, Any]:
    """Test accuracy, loss and recalls of a checkpoint or of a run's last model.

    Args:
        data: a dataset.npz; by default that of the run beside the checkpoint.

    Raises:
        UserError: there is no data set, or it is of another shape.
    """
    return score.score(Path(file), None if data is None else Path(data))


def compare(a: File, b: File) -> dict[str, Any]:
    """Settings, weights by layer and metrics by round in which two runs or checkpoints differ.

    Raises:
        UserError: one of them has no model.
    """
    return comparison.compare(Path(a), Path(b))


def status(results: File) -> pd.DataFrame:
    """The warm-ups, selections and runs in results/<name>, one a row, and how far they are."""
    return pd.DataFrame(states.jobs_of(Path(results)))


def verify(results: File, *, deep: bool = False) -> dict[str, Any]:
    """Whether results/<name> is what its records say; `deep` evaluates final models again.

    Returns:
        agrees, counts of what was compared, and the findings: wrong, mixed and note.
    """
    return verification.verify(Path(results), deep=deep)


def run_config(
    config: File,
    *,
    runs: Iterable[str] | None = None,
    seeds: Iterable[int] | None = None,
    results: File = "results",
) -> pd.DataFrame:
    """Make runs of a config in this process, with everything that they start from.

    Files, names and bits are those of the workflow; what is there already is used.

    Args:
        config: a file under config/.
        runs: names as `zowarmup plan --list` shows them; all by default.
        seeds: all that the studies ask for by default.
        results: the folder that takes the place of results/.

    Returns:
        The tidy rows of these runs, as in metrics.csv.

    Raises:
        UserError: the config or one of the names is wrong.
    """
    return csv_file.read(Maker(config, results).metrics(runs, seeds), metrics.TEXT)
