"""`zowarmup evaluate`: measure a checkpoint on the test set as training did."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor

from zowarmup.common.errors import UserError, reading
from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
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
from zowarmup.training.evaluate import norm_batches, outcomes

File = Path | str

MANY = 1 << 16  # threads that no machine has


def evaluate(path: File, data: File | None = None) -> Facts:
    """Return accuracy, loss and recalls of a checkpoint, or of the last model of a run.

    The device and the number of threads are those of the training, if known. Without `data`, the
    data set is that of the run in whose folder the checkpoint lies.

    Raises:
        UserError: there is no data set, or its images have another shape.
    """
    with reading(path):
        model = models.latest(Path(path))
        record = record_of(model.home)
        inputs = record.inputs_of() if record else {}
        file = Path(data) if data else inputs.get("data")
        if file is None or not file.is_file():
            raise UserError(
                f"{file or path}: the data set of the training cannot be found; make it with the "
                "workflow, or name a data set with `--data FILE`"
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
    """Measure a model with the device and threads of `engine`, by default one thread of the CPU.

    Args:
        file: the data set.
        dealt: the federation; a network with static norms needs the clients' training images.

    Raises:
        UserError: the images have another shape, or the federation is needed but missing.
    """
    threads, cuda = (engine.threads, engine.device == "cuda") if engine else (1, False)
    if threads > MANY:
        raise ValueError(f"engine.threads is {threads}")
    data, about = dataset_file.load(file), model.saved.about
    shape = tuple(data.x_train.shape[1:])
    if (shape, data.classes) != (about.shape, about.classes):
        raise UserError(
            f"{file} has images of shape {shape} and {data.classes} classes, but the model "
            f"expects {about.shape} and {about.classes} classes; give its data set with `--data`"
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
            "the evaluation of a network with static norms needs the clients' training images; put "
            "the checkpoint back into the folder of its run, so that the federation is known"
        )
    everything = images.part(data, "train", w.device)
    train = images.dealt(everything, federation.load(dealt, data).train)
    return static_norm.using(model, static_norm.collect(model, w, norm_batches(train)))
