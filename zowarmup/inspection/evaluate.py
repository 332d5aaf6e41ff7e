"""`zowarmup evaluate`: a checkpoint on the test set, as training measured it."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zowarmup.common.errors import UserError, reading
from zowarmup.data import datasets, federation
from zowarmup.data.datasets import Dataset
from zowarmup.engines import images
from zowarmup.inspection import models
from zowarmup.inspection.metric_rows import row_at
from zowarmup.inspection.models import Model
from zowarmup.inspection.provenance import inputs_of, provenance_of
from zowarmup.models import static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.storage.run_json import sha256
from zowarmup.training import replay
from zowarmup.training.evaluate import BATCH, outcomes

Facts = dict[str, Any]

MANY = 1 << 16  # threads that no machine has


def score(path: Path, data: Path | None = None) -> Facts:
    """Accuracy, loss and recalls of a checkpoint or of the last model of a run.

    On the device and with the threads that it was trained with, where that is known and there.

    Args:
        data: the data set; by default that of the run which the checkpoint lies beside.

    Raises:
        UserError: there is no data set, or it is of another shape.
    """
    with reading(path):
        return _score(path, data)


def _score(path: Path, data: Path | None) -> Facts:
    given = models.latest(path)
    made = provenance_of(given.home) or {}
    files = inputs_of(given.home, made["spec"], made.get("seed", 0)) if "spec" in made else {}
    file = data or files.get("data")
    if file is None or not file.is_file():
        raise UserError(
            f"{path}: the data set that it was trained on is not known; name one with --data"
            if file is None
            else f"{file}: no such file; make it with the workflow, or name one with --data"
        )
    found = _fitting(datasets.load(file), given, file)
    engine = made.get("spec", {}).get("engine", {"device": "cpu", "threads": 1})
    rated = measured(given, found, engine, files.get("federation"))
    same = made.get("inputs", {}).get("data")
    return {
        "path": os.path.relpath(given.file or given.home),
        "round": given.round,
        "data": os.path.relpath(file),
        "data_as_in_training": None if same is None else same == sha256(file),
        **rated,
        "metrics_csv": against(rated, row_at(given.home, given.round)),
    }


def measured(given: Model, data: Dataset, engine: Facts, dealt: Path | None) -> Facts:
    """The measurements alone.

    Raises:
        UserError: the network has static norms, whose statistics want the training images too.
    """
    if engine["threads"] not in range(1, MANY):
        raise ValueError(f"engine.threads is {engine['threads']}")
    torch.set_num_threads(engine["threads"])
    cuda = engine["device"] == "cuda" and torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    model = replay.model_of(given.saved)
    w = model.flatten(given.saved.named).to(device)
    test = images.part(data, "test", device)
    with torch.inference_mode(), _statistics(model, w, data, dealt):
        losses, right = outcomes(model, w, test)
    shares = [right[test.y == c].double() for c in range(data.classes)]
    return {
        "test_accuracy": right.double().mean().item(),
        "test_loss": losses.mean().item(),
        "recall": [share.mean().item() if len(share) else float("nan") for share in shares],
    }


def against(rated: Facts, row: Facts | None) -> str:
    """Whether the row that training wrote says the same."""
    if row is None:
        return "no row of this round"
    told = {key: row[key] for key in ("test_accuracy", "test_loss")}
    if all(rated[key] == value for key, value in told.items()):
        return "the same"
    return "differs: " + ", ".join(f"{key} {value:.6g}" for key, value in told.items())


def _fitting(data: Dataset, given: Model, file: Path) -> Dataset:
    about = given.saved.about
    shape = tuple(data.x_train.shape[1:])
    if (shape, data.classes) != (tuple(about["shape"]), about["classes"]):
        raise UserError(
            f"{file}: images of shape {shape} in {data.classes} classes, but the model takes "
            f"{tuple(about['shape'])} in {about['classes']}; name its own data set with --data"
        )
    return data


def _statistics(
    model: FlatModel, w: Tensor, data: Dataset, dealt: Path | None
) -> AbstractContextManager[None]:
    """Where the network has static norms, those of all clients' training images within."""
    if not static_norm.has(model):
        return nullcontext()
    if dealt is None or not dealt.is_file():
        raise UserError(
            "a network with static norms is evaluated with its clients' training images; leave the "
            "checkpoint in the folder of its run, beside its federation"
        )
    everything = images.part(data, "train", w.device)
    train = images.dealt(everything, federation.load(dealt, data).train)
    batches = (some.x() for some in train.split(BATCH))
    return static_norm.using(model, static_norm.collect(model, w, batches))
