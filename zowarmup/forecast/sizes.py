"""Sizes of the data sets, networks and tiers of a config, known before any of them exists."""

from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path

from zowarmup.common.errors import UserError
from zowarmup.config.schema import Config, Dataset
from zowarmup.config.source_files import DATA_DIR, files_of, folder_of
from zowarmup.config.splits import MEMORY, high_clients
from zowarmup.data.array_layout import tidy
from zowarmup.data.arrays import KEYS, read_npz
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.models.width import narrow
from zowarmup.plan.specs import JobSpec, NetworkSpec
from zowarmup.training import context

MEGABYTE = 10**6


@dataclass(frozen=True)
class Size:
    """Size of a data set: shape (C, H, W) of an image, classes, training and test images."""

    shape: tuple[int, int, int]
    classes: int
    train: int
    test: int

    @property
    def pixels(self) -> int:
        """Values of an image, one byte each."""
        return prod(self.shape)


# Sources that need no file, or whose files always hold the same images.
KNOWN = {
    "digits": Size((1, 8, 8), 10, 1437, 360),
    "cifar10": Size((3, 32, 32), 10, 50_000, 10_000),
    "cifar100": Size((3, 32, 32), 100, 50_000, 10_000),
    "imagenet32": Size((3, 32, 32), 1000, 1_281_167, 50_000),
}
DOWNLOADS = {"cifar10": 170_498_071, "cifar100": 169_001_437}  # bytes of the archives


def dataset_size(name: str, settings: Dataset) -> Size:
    """Return the size of a data set, from its NAME.npz or, without this file, from KNOWN.

    Raises:
        DataError: NAME.npz is damaged or holds other arrays.
        UserError: there is no such file, and the source is not in KNOWN.
    """
    files = [file for file in data_files(settings) if file.stem == settings.source]
    if files:
        arrays = tidy(read_npz(files[0], KEYS), str(files[0]))
        train, channels, height, width = arrays["x_train"].shape
        classes = int(arrays["y_train"].max()) + 1
        whole = Size((channels, height, width), classes, train, len(arrays["x_test"]))
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
    federation = config.federations[spec.federation]
    if spec.split is None:
        return federation.clients
    if spec.split != MEMORY:
        return high_clients(spec.split, federation.clients)
    model = network(spec.model, data, spec.width, spec.network)
    step = spec.backprop
    assert step is not None  # with this split
    need = memory.backprop(model, data.shape, step.batch, momentum=step.momentum)
    able = [b.share for b in federation.memory or [] if b.megabytes * MEGABYTE >= need]
    return round(sum(able) * federation.clients)
