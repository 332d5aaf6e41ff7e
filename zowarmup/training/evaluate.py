"""What is measured of a model: on the test set, on each tier's data, on the held-out images."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zowarmup.engines.images import Images
from zowarmup.models import static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.training.context import Context

BATCH = 256  # images per forward pass of an evaluation, fixed because it is part of the bits

Row = dict[str, float]


@torch.inference_mode()
def evaluate(context: Context, w: Tensor) -> Row:
    """One row of measurements; losses are means over images, accuracies shares in 0..1.

    Measurements on a tier that the run does not know, and the recall of a class that the test set
    lacks, are NaN.
    """
    with _statistics(context, w):
        return _measured(context, w)


def _measured(context: Context, w: Tensor) -> Row:
    losses, right = outcomes(context.model, w, context.test, context.group)
    row = {"test_accuracy": right.double().mean().item(), "test_loss": losses.mean().item()}
    for name, values in zip(
        ("loss", "accuracy"), outcomes(context.model, w, context.train, context.group), strict=True
    ):
        per_client = values.double().split(context.sizes)
        for column, tier in (("", "all"), ("_high", "high"), ("_low", "low")):
            parts = [per_client[i] for i in context.tiers.get(tier, ())]
            row[f"train_{name}{column}"] = _mean(parts)
    row["heldout_loss"] = (
        outcomes(context.model, w, context.heldout, context.group)[0].mean().item()
    )
    for c in range(context.classes):
        row[f"recall_{c}"] = _mean([right[context.test.y == c].double()])
    return row


@torch.inference_mode()
def heldout_loss(context: Context, w: Tensor) -> float:
    """Mean loss over the held-out images of all clients: what learning rates are chosen by."""
    with _statistics(context, w):
        return outcomes(context.model, w, context.heldout, context.group)[0].mean().item()


def _statistics(context: Context, w: Tensor) -> AbstractContextManager[None]:
    """Where the network has static norms, those of the training set within."""
    if not static_norm.has(context.model):
        return nullcontext()
    batches = (images.x() for images in context.train.split(BATCH))
    return static_norm.using(context.model, static_norm.collect(context.model, w, batches))


@torch.inference_mode()
def outcomes(
    model: FlatModel, w: Tensor, images: Images, group: ProcessGroup = ALONE
) -> tuple[Tensor, Tensor]:
    """(n,) float64 losses and (n,) whether the class was right; batches are dealt to `ranks`."""
    batches, n = images.split(BATCH), len(images)
    mine = group.mine(len(batches))
    found = w.new_zeros(len(mine), 2, BATCH, dtype=torch.float64)
    for (losses, right), j in zip(found, mine, strict=True):
        some = batches[j]
        logits = model.logits(w, some.x())
        losses[: len(some)] = cross_entropy(logits, some.y, reduction="none")
        right[: len(some)] = logits.argmax(dim=1) == some.y
    losses, right = group.gather(found, len(batches)).unbind(1)
    return losses.flatten()[:n], right.flatten()[:n].bool()


def _mean(parts: list[Tensor]) -> float:
    values = torch.cat(parts) if parts else torch.empty(0)
    return values.mean().item() if len(values) else float("nan")
