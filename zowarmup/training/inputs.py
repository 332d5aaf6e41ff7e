"""Checks of the inputs of a job: images, features or tokens, and what reads them."""

import torch

from zowarmup.common.errors import UserError
from zowarmup.config import registry
from zowarmup.data.dataset_file import Dataset
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import Backprop, JobSpec

SIZES_OF_IMAGES = 3  # channels, height, width


def dtype_of(data: Dataset) -> torch.dtype:
    """The number type of the inputs of a network: float32, or int64 for tokens."""
    return torch.int64 if data.x_train.dtype.kind == "i" else torch.float32


def backprop(step: Backprop, model: FlatModel, data: Dataset) -> int:
    """The peak bytes of a step of backpropagation on a batch of these inputs."""
    shape, dtype = tuple(data.x_train.shape[1:]), dtype_of(data)
    return memory.backprop(model, shape, step.batch, momentum=step.momentum, dtype=dtype)


def shape(spec: JobSpec, data: Dataset) -> tuple[int, ...]:
    """Return the shape of an input, which the network and the engine can read.

    Raises:
        UserError: a built-in network gets other inputs than it reads, or channels come last that do
            not exist.
    """
    if spec.model in registry.NETWORKS:
        _check_built_in(spec.model, data)
    sizes = tuple(data.x_train.shape[1:])
    if spec.engine.channels_last and len(sizes) != SIZES_OF_IMAGES:
        raise UserError(
            f"engine.channels_last: true needs images, but an example of {data.name} has the shape "
            f"{sizes}; set it to false"
        )
    return sizes


def _check_built_in(model: str, data: Dataset) -> None:
    languages = ", ".join(registry.LANGUAGE)
    if data.vocabulary is None and model in registry.LANGUAGE:
        raise UserError(
            f"model: {model} predicts the next token of a text, but {data.name} is no text; use "
            "another network, or data with the key `text` or `docstrings`"
        )
    if data.vocabulary is not None and model not in registry.LANGUAGE:
        raise UserError(
            f"model: {model} reads images or features, but {data.name} is text; use one of the "
            f"networks {languages}"
        )
    if data.vocabulary is None and dtype_of(data) == torch.int64:
        raise UserError(
            f"model: {model} reads images or features, but {data.name} holds tokens; use a "
            "network of your own that begins with an Embedding"
        )


def check_moves(augment: object, raw: torch.Tensor) -> None:
    """Check that there are images to crop and flip, if the setting `augment` asks for it.

    Raises:
        UserError: the inputs are features or tokens.
    """
    if augment == "crop_flip" and raw.dtype != torch.uint8:
        raise UserError(
            f"augment: crop_flip moves images, but an example has the shape {tuple(raw.shape[1:])} "
            "and is no image; set augment to none"
        )
