"""The images of a node: its part of a federation, or a file of its own.

A file of its own is an .npz with `x` and `y`, the images or features and their labels; `classes`,
the number of classes; and `mean`, `std` and `scale`, by which all nodes scale alike, see
data.dataset_file.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zowarmup.common.errors import UserError
from zowarmup.data import dataset_file, federation
from zowarmup.data.arrays import write_npz
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation_value import Federation
from zowarmup.flower.settings import NodeSettings

NEEDED = ("x", "y", "mean", "std", "scale", "classes")


@dataclass(frozen=True, eq=False)
class NodeData:
    """A node's images in a data set of their own, and the federation that they are a part of.

    Attributes:
        dealt: None for a node with its own file.
    """

    images: Dataset
    classes: int
    dealt: Federation | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an example."""
        return tuple(self.images.x_train.shape[1:])

    @property
    def scaling(self) -> str:
        """A digest of the scaling, which all nodes must share."""
        names = ("mean", "std")
        arrays = {name: getattr(self.images, name) for name in names}
        return dataset_file.fingerprint(arrays | {"scale": np.float32(self.images.scale)})[:16]


def load(settings: NodeSettings) -> NodeData:
    """Read the images of a node.

    Raises:
        UserError: a file is missing or damaged, or the federation has no such client.
    """
    if settings.data is not None:
        return _own(settings.data)
    assert settings.dataset is not None
    assert settings.federation is not None
    whole = dataset_file.load(settings.dataset)
    dealt = federation.load(settings.federation, whole)
    return part(whole, dealt, settings.partition_id)


def part(whole: Dataset, dealt: Federation, client: int) -> NodeData:
    """The images that a client of a federation trains on.

    Raises:
        UserError: the federation has no such client.
    """
    if client >= dealt.clients:
        raise UserError(
            f"--node-config: partition-id is {client}, but the federation has {dealt.clients} "
            f"clients; use 0 to {dealt.clients - 1}"
        )
    rows = dealt.train[client]
    images = dataset(
        whole.name, whole.x_train[rows], whole.y_train[rows], whole.mean, whole.std, whole.scale
    )
    return NodeData(images, whole.classes, dealt)


def save(data: NodeData, path: Path) -> None:
    """Write the file of a node's own images, all or nothing."""
    own = data.images
    arrays = {"x": own.x_train, "y": own.y_train, "mean": own.mean, "std": own.std}
    scalars = {"scale": np.float32(own.scale), "classes": np.int64(data.classes)}
    write_npz(path, arrays | {name: np.asarray(value) for name, value in scalars.items()})


def _own(path: Path) -> NodeData:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in NEEDED}
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; set `data` in --node-config to the node's images"
        ) from None
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: not an .npz with {', '.join(NEEDED)} ({error})") from None
    x, y, classes = arrays["x"], arrays["y"].astype(np.int64), int(arrays["classes"])
    if len(x) != len(y) or not len(y) or not 0 <= y.min() <= y.max() < classes:
        raise UserError(
            f"{path}: {len(x)} images have {len(y)} labels, which must be as many, from 0 to "
            f"{classes - 1}"
        )
    scale = float(arrays["scale"])
    images = dataset(path.stem, x, y, arrays["mean"], arrays["std"], scale)
    return NodeData(images, classes, None)


def dataset(
    name: str, x: np.ndarray, y: np.ndarray, mean: np.ndarray, std: np.ndarray, scale: float
) -> Dataset:
    """A data set without test images."""
    return Dataset(name, x, y, x[:0], y[:0], mean, std, scale)
