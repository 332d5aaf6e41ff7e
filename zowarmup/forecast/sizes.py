"""How many images of which shape a config trains on, without reading them."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.common.errors import UserError
from zowarmup.config.schema import Config, Dataset
from zowarmup.config.source_files import COMPUTED, DATA_DIR, folder_of
from zowarmup.config.splits import MEMORY, high_clients
from zowarmup.data.array_layout import CHANNELS
from zowarmup.data.arrays import unreadable_npz
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.models.width import narrow
from zowarmup.training import context

MEGABYTE = 10**6


@dataclass(frozen=True)
class Size:
    """Of a data set: shape (C, H, W) of an image, classes, images to train on and to test on."""

    shape: tuple[int, int, int]
    classes: int
    train: int
    test: int

    @property
    def pixels(self) -> int:
        """Bytes of an image."""
        return prod(self.shape)


# Of the sources that need no file, or whose files always hold the same.
KNOWN = {
    "digits": Size((1, 8, 8), 10, 1437, 360),
    "cifar10": Size((3, 32, 32), 10, 50_000, 10_000),
    "cifar100": Size((3, 32, 32), 100, 50_000, 10_000),
    "imagenet32": Size((3, 32, 32), 1000, 1_281_167, 50_000),
}
DOWNLOADS = {"cifar10": 170_498_071, "cifar100": 169_001_437}  # bytes of the archives


@dataclass(frozen=True)
class Crowd:
    """A federation as far as costs go: equal clients.

    Attributes:
        clients, high: how many there are, and how many of them are high-resource.
        train, heldout: images of one client.
        d, d_low: parameters of the network, and of the part that low-resource clients train.
    """

    data: Size
    clients: int
    high: int
    train: int
    heldout: int
    d: int
    d_low: int


def dataset_size(name: str, settings: Dataset, given: Mapping[str, Size]) -> Size:
    """The size of a data set of a config, from its settings, a file's headers, or as given.

    Raises:
        UserError: nothing says how large it is.
    """
    file = npz_file(settings)
    whole = given.get(name) or (_of_file(file) if file else KNOWN.get(settings.source))
    if whole is None:
        raise UserError(
            f"datasets.{name}: {settings.source}.npz is in no data folder, so its size is not "
            f"known; name its folder in {DATA_DIR}, or say it: --size "
            f"{name}=TRAIN,TEST,CHANNELS,HEIGHT,WIDTH,CLASSES"
        )
    train, test = settings.images_train or whole.train, settings.images_test or whole.test
    return replace(whole, train=min(train, whole.train), test=min(test, whole.test))


def parse_size(text: str) -> tuple[str, Size]:
    """NAME=TRAIN,TEST,CHANNELS,HEIGHT,WIDTH,CLASSES as the command line takes it.

    Raises:
        UserError: it is something else.
    """
    name, _, numbers = text.partition("=")
    try:
        train, test, c, h, w, classes = map(int, numbers.split(","))
        if min(train, test, c, h, w, classes) < 1:
            raise ValueError
    except ValueError:
        raise UserError(
            f"--size: {text}: give NAME=TRAIN,TEST,CHANNELS,HEIGHT,WIDTH,CLASSES, "
            "all numbers from 1 on"
        ) from None
    return name, Size((c, h, w), classes, train, test)


def npz_file(settings: Dataset) -> Path | None:
    """The file that a data set is read from, where there is one."""
    folder = folder_of(settings.data_dir)
    if folder is None or settings.source in COMPUTED:
        return None
    file = folder / f"{settings.source}.npz"
    return file if file.is_file() else None


def _of_file(file: Path) -> Size:
    """From the headers of the arrays; the labels are read, since only they tell the classes."""
    try:
        with zipfile.ZipFile(file) as archive:
            train, test = _shape(archive, "x_train"), _shape(archive, "x_test")
        with np.load(file, allow_pickle=False) as found:
            classes = int(found["y_train"].max()) + 1
        n, *image = train
        if len(image) == 2:
            image = [1, *image]
        elif image[0] not in CHANNELS:
            image = [image[2], image[0], image[1]]
        return Size((image[0], image[1], image[2]), classes, n, test[0])
    # A damaged file fails in a dozen ways inside zipfile, zlib and numpy; all mean the same.
    except Exception as error:
        raise unreadable_npz(file, error) from None


def _shape(archive: zipfile.ZipFile, key: str) -> tuple[int, ...]:
    with archive.open(f"{key}.npy") as member:
        version = np.lib.format.read_magic(member)  # type: ignore[no-untyped-call]
        read = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape: tuple[int, ...] = read[version[0]](member)[0]  # type: ignore[no-untyped-call]
        return shape


@cache
def network(name: str, data: Size, width: float, rate: float = 1.0) -> FlatModel:
    """A network for images of a data set, or the part of it that HeteroFL's low clients train."""
    if rate != 1:
        return narrow(network(name, data, width), rate, 1.0).model
    return context.model(name, data.shape, data.classes, width)


def crowd(config: Config, spec: Mapping[str, Any], data: Size) -> Crowd:
    """The clients of a run, warm-up or selection."""
    federation = config.federations[spec["federation"]]
    size = data.train // federation.clients
    heldout = min(max(1, round(federation.holdout * size)), size - 1)
    model, width = spec["model"], spec["width"]
    phases = spec.get("phases") or [spec["phase"]]
    rates = [phase["rate"] for phase in phases if "rate" in phase]
    return Crowd(
        data,
        clients=federation.clients,
        high=_high(config, spec, data),
        train=size - heldout,
        heldout=heldout,
        d=network(model, data, width).d,
        d_low=min(network(model, data, width, rate).d for rate in [1.0, *rates]),
    )


def _high(config: Config, spec: Mapping[str, Any], data: Size) -> int:
    """How many clients are high-resource; all where nothing depends on it."""
    federation = config.federations[spec["federation"]]
    if spec["split"] is None:
        return federation.clients
    if spec["split"] != MEMORY:
        return high_clients(spec["split"], federation.clients)
    model = network(spec["model"], data, spec["width"])
    need = memory.backprop(model, data.shape, **spec["backprop"])
    able = [b.share for b in federation.memory or [] if b.megabytes * MEGABYTE >= need]
    return round(sum(able) * federation.clients)
