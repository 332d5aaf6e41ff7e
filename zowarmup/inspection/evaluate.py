"""`zowarmup evaluate`: a checkpoint on the test set, as training measured it."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from zowarmup.common.errors import UserError, reading
from zowarmup.data import datasets, federation
from zowarmup.data.datasets import Dataset
from zowarmup.engines import images
from zowarmup.inspection import models
from zowarmup.inspection.facts import Facts
from zowarmup.inspection.models import Model
from zowarmup.inspection.provenance import record_of
from zowarmup.inspection.results import row_at
from zowarmup.models import static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import EngineSpec
from zowarmup.storage.run_json import sha256
from zowarmup.training.evaluate import BATCH, outcomes

File = Path | str

MANY = 1 << 16  # threads that no machine has


def evaluate(path: File, data: File | None = None) -> Facts:
    """Accuracy, loss and recalls of a checkpoint or of the last model of a run.

    On the device and with the threads of its training, where these are known; without `data` on the
    data set of the run which the checkpoint lies beside.

    Raises:
        UserError: there is no data set, or it is of another shape.
    """
    with reading(path):
        model = models.latest(Path(path))
        record = record_of(model.home)
        inputs = record.inputs_of() if record else {}
        file = Path(data) if data else inputs.get("data")
        if file is None or not file.is_file():
            raise UserError(
                f"{file or path}: no data set of its training; make it with the workflow, or name "
                "one with --data"
            )
        engine = record.spec.engine if record else None
        measured = measure(model, file, engine, inputs.get("federation"))
        trained_on = record.inputs["data"] if record else None
        return {
            "path": os.path.relpath(model.file or model.home),
            "round": model.round,
            "data": os.path.relpath(file),
            "data_as_in_training": trained_on == sha256(file) if trained_on else None,
            **measured,
            "metrics_csv": against(measured, row_at(model.home, model.round)),
        }


def measure(model: Model, file: Path, engine: EngineSpec | None, dealt: Path | None) -> Facts:
    """The measurements alone, with the engine's device and threads; by default one of the CPU.

    Args:
        file: the data set.
        dealt: the federation, for a network with static norms, which need its training images.

    Raises:
        UserError: the data set is of another shape, or there is no federation though it is needed.
    """
    threads, cuda = (engine.threads, engine.device == "cuda") if engine else (1, False)
    if threads > MANY:
        raise ValueError(f"engine.threads is {threads}")
    data, about = datasets.load(file), model.saved.about
    shape = tuple(data.x_train.shape[1:])
    if (shape, data.classes) != (about.shape, about.classes):
        raise UserError(
            f"{file} has images of shape {shape} and {data.classes} classes, but the model "
            f"expects {about.shape} and {about.classes} classes; pass its data set with --data"
        )
    torch.set_num_threads(threads)
    device = torch.device("cuda" if cuda and torch.cuda.is_available() else "cpu")
    network, w = model.network, model.w.to(device)
    test = images.part(data, "test", device)
    with torch.inference_mode(), _statistics(network, w, data, dealt):
        losses, right = outcomes(network, w, test)
    return {
        "test_accuracy": right.double().mean().item(),
        "test_loss": losses.mean().item(),
        "recall": [right[test.y == c].double().mean().item() for c in range(data.classes)],
    }


def against(measured: Facts, row: Facts | None) -> str:
    """The difference from the row that training wrote, or "the same"."""
    if row is None:
        return "no row of this round"
    keys = ("test_accuracy", "test_loss")
    if all(measured[key] == row[key] for key in keys):
        return "the same"
    return "differs: " + ", ".join(f"{key} {row[key]:.6g}" for key in keys)


def _statistics(
    model: FlatModel, w: Tensor, data: Dataset, dealt: Path | None
) -> AbstractContextManager[None]:
    """A context in which static norms have the statistics of all clients' training images."""
    if not static_norm.has(model):
        return nullcontext()
    if dealt is None or not dealt.is_file():
        raise UserError(
            "a network with static norms needs its clients' training images for an evaluation; put "
            "the checkpoint back into the folder of its run, where its federation is known"
        )
    everything = images.part(data, "train", w.device)
    train = images.dealt(everything, federation.load(dealt, data).train)
    batches = (some.x() for some in train.split(BATCH))
    return static_norm.using(model, static_norm.collect(model, w, batches))
