"""Sizes of the data sets, networks and tiers of a config, known before any of them exists."""

from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch

from zowarmup.common.errors import UserError
from zowarmup.config.datasets import AnyDataset, Dataset
from zowarmup.config.schema import Config
from zowarmup.config.source_files import DATA_DIR, files_of, folder_of
from zowarmup.config.splits import GIVEN, MEMORY, high_clients
from zowarmup.data import any_dataset
from zowarmup.data.array_layout import tidy
from zowarmup.data.arrays import KEYS, Arrays, read_npz
from zowarmup.data.clients import Clients
from zowarmup.data.federation_value import NO_TIERS
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.models.width import narrow
from zowarmup.plan.specs import JobSpec, NetworkSpec
from zowarmup.training import context

MEGABYTE = 10**6


@dataclass(frozen=True)
class Size:
    """Size of a data set: shape (C, H, W) of an image, classes, training and test images.

    Attributes:
        dtype: the number type of images (uint8), features (float32) or tokens (int64).
        tokens: the number of different tokens; 0 without tokens.
        text: whether each token has a label, the next token.
        clients, high: the clients that the data name, and how many of them are high-resource; None
            where the data do not say.
    """

    shape: tuple[int, ...]
    classes: int
    train: int
    test: int
    dtype: Literal["uint8", "float32", "int64"] = "uint8"
    tokens: int = 0
    text: bool = False
    clients: int | None = None
    high: int | None = None

    @property
    def pixels(self) -> int:
        """Values of an example."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes of an example as it is recorded."""
        return self.pixels * {"uint8": 1, "float32": 4, "int64": 8}[self.dtype]

    @property
    def input(self) -> torch.dtype:
        """The number type of an example as a network gets it."""
        return torch.int64 if self.dtype == "int64" else torch.float32


# Sources that need no file, or whose files always hold the same images.
KNOWN = {
    "digits": Size((1, 8, 8), 10, 1437, 360),
    "cifar10": Size((3, 32, 32), 10, 50_000, 10_000),
    "cifar100": Size((3, 32, 32), 100, 50_000, 10_000),
    "imagenet32": Size((3, 32, 32), 1000, 1_281_167, 50_000),
}
DOWNLOADS = {"cifar10": 170_498_071, "cifar100": 169_001_437}  # bytes of the archives


def dataset_size(name: str, settings: AnyDataset) -> Size:
    """Return the size of a data set, from its files or, for a source without NAME.npz, from KNOWN.

    Raises:
        DataError: a file is damaged or holds other data.
        UserError: there is no such file, and the source is not in KNOWN.
    """
    if not isinstance(settings, Dataset):
        data = any_dataset.load(settings)
        return _size_of(data.arrays, data.given, data.vocabulary)
    files = [file for file in data_files(settings) if file.stem == settings.source]
    if files:
        whole = _size_of(tidy(read_npz(files[0], KEYS), str(files[0])))
    elif settings.source in KNOWN:
        whole = KNOWN[settings.source]
    else:
        raise UserError(
            f"datasets.{name}: {settings.source}.npz is in no data folder, so the size of the "
            f"data set is unknown; set {DATA_DIR} to the folder of this file"
        )
    if settings.resize:
        whole = replace(whole, shape=(whole.shape[0], settings.resize, settings.resize))
    train, test = settings.images_train or whole.train, settings.images_test or whole.test
    return replace(whole, train=min(train, whole.train), test=min(test, whole.test))


def _size_of(arrays: Arrays, given: Clients | None = None, vocabulary: int | None = None) -> Size:
    """The size of the data set of tidy arrays."""
    x, classes = arrays["x_train"], vocabulary or int(arrays["y_train"].max()) + 1
    whole = Size(x.shape[1:], classes, len(x), len(arrays["x_test"]))
    if vocabulary:
        whole = replace(whole, dtype="int64", tokens=vocabulary, text=True)
    elif x.dtype.kind == "i":
        whole = replace(whole, dtype="int64", tokens=int(x.max()) + 1)
    elif x.dtype.kind == "f":
        whole = replace(whole, dtype="float32")
    if given is None:
        return whole
    high = None if given.high is None else int(given.high.sum())
    return replace(whole, clients=len(given.names), high=high)


def dealt(config: Config, name: str, data: Size) -> dict[str, Any]:
    """Return the settings of a federation, with numbers in place of what the data say.

    Raises:
        UserError: the config asks for clients that the data do not name.
    """
    settings = config.federations[name].model_dump()
    if settings["clients"] == GIVEN:
        if data.clients is None:
            raise UserError(
                f"federations.{name}.clients: {GIVEN}: the data do not say who holds what; return "
                "client_train from the function, or give a number"
            )
        # An even split: costs depend on the mean number of examples.
        settings |= {"clients": data.clients, "alpha": "infinite"}
    return settings


def data_files(settings: Dataset) -> list[Path]:
    """Return the files that a data set is read from; empty if it is computed or downloaded."""
    return files_of(settings.source, folder_of(settings.data_dir))


@cache
def network(
    name: str, data: Size, width: float, own: NetworkSpec | None = None, rate: float = 1.0
) -> FlatModel:
    """Return a network with `width` times its channels, cut to the share `rate` of them."""
    if rate != 1:
        return narrow(network(name, data, width, own), rate, 1.0).model
    return context.model(name, data.shape, data.classes, width, own)


def high_resource(config: Config, spec: JobSpec, data: Size) -> int:
    """Count the high-resource clients of a run; without tiers these are all clients."""
    clients = int(dealt(config, spec.federation, data)["clients"])
    if spec.split is None:
        return clients
    if spec.split == GIVEN:
        if data.high is None:
            raise UserError(NO_TIERS)
        return data.high
    if spec.split != MEMORY:
        return high_clients(spec.split, clients)
    model = network(spec.model, data, spec.width, spec.network)
    step = spec.backprop
    assert step is not None  # with this split
    need = memory.backprop(model, data.shape, step.batch, momentum=step.momentum, dtype=data.input)
    budgets = config.federations[spec.federation].memory or []
    able = [b.share for b in budgets if b.megabytes * MEGABYTE >= need]
    return round(sum(able) * clients)
