"""A federation: the images that each client holds, in the one file that all its runs read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zowarmup.common import files
from zowarmup.data import federation_file, partition
from zowarmup.data.datasets import Dataset
from zowarmup.data.draws import generator
from zowarmup.data.federation_file import FederationError, FederationFile

MEGABYTE = 10**6


@dataclass(frozen=True, eq=False)
class Federation:
    """Clients 0..K-1, their images and the order in which they become high-resource.

    Attributes:
        dataset_sha256: fingerprint of the data set that the indices are of.
        alpha: concentration of the class mixes; inf is IID.
        holdout: fraction of its images that each client holds out.
        seed: of the draws of the partition, the held-out parts and the tiers.
        order: (K) client ids; see `partition.high_clients`. By descending budget if there are any.
        budgets: (K) megabytes of memory that each client can train in, None without budgets.
        train, heldout: per client the sorted indices into the training images, all disjoint.
        label_counts: (K, C) images of each class, train and held out together.
    """

    dataset_sha256: str
    alpha: float
    holdout: float
    seed: int
    order: tuple[int, ...]
    budgets: tuple[float, ...] | None
    train: tuple[np.ndarray, ...]
    heldout: tuple[np.ndarray, ...]
    label_counts: np.ndarray

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
        """Per client all of its images, train and held out."""
        return [np.concatenate(parts) for parts in zip(self.train, self.heldout, strict=True)]

    def high(self, fraction: float) -> tuple[int, ...]:
        """Sorted ids of the high-resource clients when they are this fraction of all."""
        return tuple(sorted(partition.high_clients(self.order, fraction)))

    def low(self, fraction: float) -> tuple[int, ...]:
        """Sorted ids of all other clients, `fraction` being that of the high-resource ones."""
        return tuple(sorted(set(self.order) - set(self.high(fraction))))

    def holding(self, size: int) -> tuple[int, ...]:
        """Sorted ids of the clients whose budget holds `size` bytes; perhaps none.

        Raises:
            FederationError: the clients have no budgets.
        """
        if self.budgets is None:
            raise FederationError(
                "the clients of this federation have no memory budgets; add memory to it in the "
                "config"
            )
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
    """Deal the training images of `dataset` to `clients` clients; see `partition`.

    Partition, held-out parts, tiers and budgets have draws of their own: changing alpha leaves the
    tiers, and changing the held-out fraction leaves who holds what.

    Args:
        memory: the budgets and their shares of the clients, see `partition.deal_budgets`.
        tier_order: the rule by which clients are high-resource, see `partition.tier_order`.

    Raises:
        FederationError: too few images for a client to train on one and to hold one out.
    """
    alpha = partition.as_alpha(alpha)
    labels = dataset.y_train
    if len(labels) < clients * (each := 2 if holdout else 1):
        raise FederationError(
            f"{clients} clients share only {len(labels)} training images of {dataset.name}, and "
            "each needs one to train on and one to hold out; use fewer clients: set clients in "
            f"federations to {len(labels) // each} or less"
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
        label_counts=count_labels(labels, held, dataset.classes),
    )


def count_labels(labels: np.ndarray, held: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """(K, C) images of each class that each client holds."""
    return np.stack([np.bincount(labels[indices], minlength=classes) for indices in held])


def save(federation: Federation, path: str | Path) -> None:
    """Write federation.json, all or nothing; equal federations give equal bytes."""
    fields = FederationFile(
        dataset_sha256=federation.dataset_sha256,
        clients=federation.clients,
        alpha=partition.INFINITE if np.isinf(federation.alpha) else federation.alpha,
        holdout=federation.holdout,
        seed=federation.seed,
        order=list(federation.order),
        budgets=federation.budgets and list(federation.budgets),
        train=[indices.tolist() for indices in federation.train],
        heldout=[indices.tolist() for indices in federation.heldout],
        label_counts=federation.label_counts.tolist(),
    )
    files.atomic_write_text(path, federation_file.sealed(fields.model_dump()))


def load(path: str | Path, dataset: Dataset | None = None) -> Federation:
    """Read what `save` wrote and verify it, against `dataset` too if that is given.

    Raises:
        FederationError: see `federation_file.read`; or it is a federation of other data.
    """
    fields = federation_file.read(path)
    federation = Federation(
        dataset_sha256=fields.dataset_sha256,
        alpha=partition.as_alpha(fields.alpha),
        holdout=fields.holdout,
        seed=fields.seed,
        order=tuple(fields.order),
        budgets=None if fields.budgets is None else tuple(fields.budgets),
        train=tuple(np.array(indices, np.int64) for indices in fields.train),
        heldout=tuple(np.array(indices, np.int64) for indices in fields.heldout),
        label_counts=np.array(fields.label_counts, np.int64),
    )
    if dataset is not None and (fault := _difference(federation, dataset)):
        raise FederationError(f"{path}: {fault}; delete it and let Snakemake recreate it")
    return federation


def _difference(federation: Federation, dataset: Dataset) -> str:
    """What shows that a federation is not of this data set; "" if nothing does."""
    if federation.dataset_sha256 != dataset.sha256:
        return f"it was made for other data than this {dataset.name}"
    if max(indices.max() for indices in federation.held) >= len(dataset.y_train):
        return f"it holds an image that {dataset.name} does not have"
    counts = count_labels(dataset.y_train, federation.held, dataset.classes)
    if not np.array_equal(counts, federation.label_counts):
        return f"its label_counts are not those of {dataset.name}"
    return ""
