"""A federation: the images that each client holds, in one file that all of its runs read.

Equal federations give equal bytes.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator
from pydantic import ValidationError as Invalid

from zowarmup.common import files
from zowarmup.common.errors import UserError
from zowarmup.config.phase import Decay, Positive, Settings
from zowarmup.data import partition
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.draws import generator

VERSION = 2  # 2 added the memory budgets
MEGABYTE = 10**6


class FederationError(UserError):
    """A federation that cannot be used; the message is one sentence: file, fault and fix."""


def _whole_numbers(value: Any) -> np.ndarray:
    array = np.asarray(value)
    array = array if array.size else array.astype(np.int64)
    if not array.ndim or array.dtype != np.int64 or (array < 0).any():
        raise ValueError("not a list of whole numbers of at least 0")
    return array


Tuple = Field(strict=False)  # JSON holds a tuple as a list
WholeNumbers = Annotated[
    np.ndarray, BeforeValidator(_whole_numbers), PlainSerializer(lambda array: array.tolist())
]
Alpha = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(partition.as_alpha),
    PlainSerializer(lambda alpha: partition.INFINITE if np.isinf(alpha) else alpha),
]


class Federation(Settings):
    """Clients 0..K-1, their images and the order in which they become high-resource.

    Attributes:
        dataset_sha256: fingerprint of the data set that the indices refer to.
        alpha: concentration of the class mixes; inf is IID.
        holdout: fraction of each client's images that is held out.
        seed: decides the partition, the held-out parts and the tiers.
        order: (K) client ids; see `partition.high_clients`. Sorted by descending budget, if any.
        budgets: (K) megabytes of memory that each client can train in, None without budgets.
        train, heldout: for each client, sorted indices into the training images, all disjoint.
        label_counts: (K, C) images of each class, train and held out together.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="ignore")

    dataset_sha256: str
    alpha: Alpha
    holdout: Decay
    seed: int
    order: Annotated[tuple[int, ...], Tuple]
    budgets: Annotated[tuple[Positive, ...], Tuple] | None
    train: Annotated[tuple[WholeNumbers, ...], Tuple]
    heldout: Annotated[tuple[WholeNumbers, ...], Tuple]
    label_counts: WholeNumbers

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Check that each field has K clients, and that no image is held twice."""
        k, order, counts = self.clients, list(self.order), self.label_counts
        if not k or sorted(order) != list(range(k)) or not len(self.heldout) == len(counts) == k:
            raise ValueError(f"its order, heldout or label_counts do not fit its {k} clients")
        if counts.ndim != 2 or any(indices.ndim != 1 for indices in self.train + self.heldout):
            raise ValueError("its label_counts are not a table, or some indices are not a list")
        if self.budgets is not None and (
            len(self.budgets) != k or partition.by_budget(order, self.budgets) != order
        ):
            raise ValueError(f"its budgets do not fit its {k} clients or their order")
        if self.train_sizes.min() == 0:
            raise ValueError("a client has no images to train on")
        dealt = np.concatenate(self.held)
        if len(np.unique(dealt)) != len(dealt):
            raise ValueError("an image is held twice")
        return self

    @property
    def clients(self) -> int:
        """Number of clients K."""
        return len(self.train)

    @property
    def classes(self) -> int:
        """Number of classes C."""
        return self.label_counts.shape[1]

    @property
    def train_sizes(self) -> np.ndarray:
        """(K,) training images of each client."""
        return np.array([len(indices) for indices in self.train])

    @property
    def held(self) -> list[np.ndarray]:
        """For each client, the indices of all images, train and held out."""
        return [np.concatenate(parts) for parts in zip(self.train, self.heldout, strict=True)]

    def high(self, fraction: float) -> tuple[int, ...]:
        """Sorted ids of the high-resource clients when they are this fraction of all."""
        return tuple(sorted(partition.high_clients(self.order, fraction)))

    def holding(self, size: int) -> tuple[int, ...]:
        """Sorted ids of the clients whose budget holds `size` bytes; there may be none.

        Raises:
            FederationError: the clients have no budgets.
        """
        if self.budgets is None:
            raise FederationError("this federation has no memory budgets: add `memory` to it")
        return tuple(k for k, budget in enumerate(self.budgets) if size <= MEGABYTE * budget)


def build(
    dataset: Dataset,
    *,
    clients: int,
    alpha: float | str,
    holdout: float,
    seed: int,
    memory: Sequence[Mapping[str, float]] | None = None,
    tier_order: str = "random",
) -> Federation:
    """Deal the training images of `dataset` to `clients` clients; arguments as in `partition`.

    Partition, held-out parts, tiers and budgets are drawn independently: another alpha leaves the
    tiers unchanged, and another held-out fraction leaves the images of each client unchanged.

    Raises:
        FederationError: there are too few images for each client to train on one and hold one out.
    """
    alpha = partition.as_alpha(alpha)
    labels = dataset.y_train
    if len(labels) < clients * (each := 2 if holdout else 1):
        raise FederationError(
            f"{clients} clients share only {len(labels)} training images of {dataset.name}, and "
            f"each needs {each}; use fewer: set `clients: {len(labels) // each}` in `federations`"
        )
    held = partition.dirichlet_split(labels, clients, alpha, generator("partition", seed))
    parts = [
        partition.hold_out(indices, holdout, generator("hold out", seed, client))
        for client, indices in enumerate(held)
    ]
    train, heldout = zip(*parts, strict=True)
    order = partition.tier_order(clients, seed, tier_order)
    budgets = partition.deal_budgets(clients, memory, seed) if memory else None
    if budgets:
        order = partition.by_budget(order, budgets)
    return Federation(
        dataset_sha256=dataset.sha256,
        alpha=alpha,
        holdout=float(holdout),
        seed=seed,
        order=tuple(order),
        budgets=budgets,
        train=train,
        heldout=heldout,
        label_counts=partition.count_labels(labels, held, dataset.classes),
    )


def save(federation: Federation, path: str | Path) -> None:
    """Write federation.json, all or nothing."""
    fields = federation.model_dump() | {"version": VERSION, "clients": federation.clients}
    files.atomic_write_text(path, sealed(fields))


def load(path: str | Path, dataset: Dataset | None = None) -> Federation:
    """Read a file that `save` wrote and verify it, also against `dataset` if given.

    Raises:
        FederationError: the file is missing, truncated, edited or of another version; its fields do
            not fit together; or the federation was made from other data.
    """
    try:
        federation = _unsealed(Path(path).read_bytes())
        if dataset is not None:
            _check_against(federation, dataset)
    except FileNotFoundError:
        raise FederationError(f"{path}: no such file; make it with the workflow") from None
    except ValueError as error:
        fault = str(error)
        if isinstance(error, Invalid):
            first = error.errors()[0]
            place = "".join(f"{part}: " for part in first["loc"])
            fault = f"it is not a federation: {place}{first['msg'].removeprefix('Value error, ')}"
        raise FederationError(f"{path}: {fault}; delete it and let Snakemake recreate it") from None
    return federation


def _unsealed(data: bytes) -> Federation:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not complete JSON ({error}), perhaps truncated") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ValueError(f"it is not a federation of version {VERSION}")
    if json.loads(sealed({k: v for k, v in fields.items() if k != "sha256"})) != fields:
        raise ValueError("its sha256 does not match its contents, so it was edited")
    return Federation.model_validate(fields)


def _check_against(federation: Federation, dataset: Dataset) -> None:
    if federation.dataset_sha256 != dataset.sha256:
        raise ValueError(f"it was made from other data than this {dataset.name}")
    if max(indices.max() for indices in federation.held) >= len(dataset.y_train):
        raise ValueError(f"it holds an image that {dataset.name} does not have")
    counts = partition.count_labels(dataset.y_train, federation.held, dataset.classes)
    if not np.array_equal(counts, federation.label_counts):
        raise ValueError(f"its label_counts are not those of {dataset.name}")


def sealed(fields: dict[str, Any]) -> str:
    """Return `fields` as JSON text, with one more field for the SHA-256 of the others."""
    plain = partial(json.dumps, sort_keys=True, separators=(",", ":"))
    sha256 = hashlib.sha256(plain(fields).encode()).hexdigest()
    return plain(fields | {"sha256": sha256}) + "\n"
