"""Measures a model on the test set, on each tier's training images and on the held-out images."""

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import get_args

import torch
from torch import Tensor

from zowarmup.data.draws import generator
from zowarmup.engines.images import Images
from zowarmup.models import loss, static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import Tier
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.training.context import Context
from zowarmup.training.metrics_row import Measured

BATCH = 256  # images per forward pass of an evaluation, fixed because the bits depend on it


@torch.inference_mode()
def evaluate(context: Context, w: Tensor) -> Measured:
    """Measures a model, (d,), on all images of the context."""
    with _statistics(context, w):
        return _measured(context, w)


def _measured(context: Context, w: Tensor) -> Measured:
    test_losses, right = outcomes(context.model, w, context.test, context.group)
    train_losses, train_right = outcomes(context.model, w, context.train, context.group)
    heldout_losses, _ = outcomes(context.model, w, context.heldout, context.group)
    by_tier, accuracy = _of_tiers(context, train_losses), _of_tiers(context, train_right)
    recall = [_mean([right[context.test.y == c].double()]) for c in range(context.classes)]
    return Measured(
        test_accuracy=right.double().mean().item(),
        test_loss=test_losses.mean().item(),
        train_loss=by_tier["all"],
        train_loss_high=by_tier["high"],
        train_loss_low=by_tier["low"],
        train_accuracy=accuracy["all"],
        train_accuracy_high=accuracy["high"],
        train_accuracy_low=accuracy["low"],
        heldout_loss=heldout_losses.mean().item(),
        recall=tuple(recall),
    )


def _of_tiers(
    context: Context, values: Tensor, sizes: Sequence[int] | None = None
) -> dict[Tier, float]:
    """Means over the images of each tier, from the (n, ...) values of all images.

    Args:
        sizes: the number of images of each client; by default of its training images.
    """
    per_client = values.double().split(list(sizes or context.sizes))
    return {
        tier: _mean([per_client[i] for i in context.tiers.get(tier, ())]) for tier in get_args(Tier)
    }


@torch.inference_mode()
def train_loss(context: Context, w: Tensor, tier: Tier) -> float:
    """Mean loss over the training images of a tier's clients."""
    with _statistics(context, w):
        losses, _ = outcomes(context.model, w, context.train, context.group)
    return _of_tiers(context, losses)[tier]


@torch.inference_mode()
def heldout(context: Context, w: Tensor) -> tuple[float, float]:
    """Mean loss and accuracy over the held-out images of all clients together."""
    with _statistics(context, w):
        losses, right = outcomes(context.model, w, context.heldout, context.group)
    return losses.mean().item(), right.double().mean().item()


def chance(context: Context) -> float:
    """The accuracy of guessing; in text that of naming the most frequent token each time."""
    y = context.train.y
    return 1 / context.classes if y.dim() == 1 else int(y.flatten().bincount().max()) / y.numel()


@torch.inference_mode()
def heldout_accuracies(context: Context, w: Tensor) -> dict[Tier, float]:
    """Accuracy over the held-out images of each tier; NaN for a tier without clients."""
    with _statistics(context, w):
        _, right = outcomes(context.model, w, context.heldout, context.group)
    return _of_tiers(context, right, context.heldout_sizes)


def _statistics(context: Context, w: Tensor) -> AbstractContextManager[None]:
    """Within the block, static norms, if any, use the statistics of the training set."""
    if not static_norm.has(context.model):
        return nullcontext()
    statistics = static_norm.collect(context.model, w, norm_batches(context.train))
    return static_norm.using(context.model, statistics)


def norm_batches(train: Images) -> Iterator[Tensor]:
    """Yield the images from which static norms take their statistics, shuffled over the clients.

    A batch of one client's few classes would lack the variance between clients. HeteroFL's code
    shuffles as well; here the order depends on the number of images alone.
    """
    order = generator("static norm", len(train)).permutation(len(train))
    shuffled = train.take(torch.from_numpy(order).to(train.y.device))
    return (images.x() for images in shuffled.split(BATCH))


@torch.inference_mode()
def outcomes(
    model: FlatModel, w: Tensor, images: Images, group: ProcessGroup = ALONE
) -> tuple[Tensor, Tensor]:
    """Return each image's loss and whether its class was right; `group` divides the batches.

    Returns:
        (n,) float64, and (n,) bool, or (n, T) if each token has a label.
    """
    batches, n = images.split(BATCH), len(images)
    mine, tokens = group.mine(len(batches)), math.prod(images.y.shape[1:])
    measured = w.new_zeros(len(mine), BATCH, 1 + tokens, dtype=torch.float64)
    for rows, j in zip(measured, mine, strict=True):
        batch = batches[j]
        logits = model.logits(w, batch.x())
        rows[: len(batch), 0] = loss.each(logits, batch.y)
        rows[: len(batch), 1:] = (logits.argmax(dim=-1) == batch.y).view(len(batch), tokens)
    rows = group.gather(measured, len(batches)).flatten(0, 1)[:n]
    return rows[:, 0].contiguous(), rows[:, 1:].bool().reshape(images.y.shape)


def _mean(parts: list[Tensor]) -> float:
    values = torch.cat(parts) if parts else torch.empty(0)
    return values.mean().item() if len(values) else float("nan")
