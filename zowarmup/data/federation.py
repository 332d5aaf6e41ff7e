"""A federation: who holds what of a data set, as the one file that every run of it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zowarmup.common import files
from zowarmup.common.errors import STRANGE, UserError
from zowarmup.data import json_numbers, partition, sealed_json
from zowarmup.data.datasets import Dataset
from zowarmup.data.draws import generator

VERSION = 2  # 2 added the memory budgets

MEGABYTE = 10**6


class FederationError(UserError):
    """A federation file that cannot be used; the message is one sentence: file, fault and mend."""


@dataclass(frozen=True, eq=False)
class Federation:
    """Clients 0..K-1, their images and the order in which they become high-resource.

    Attributes:
        dataset_sha256: fingerprint of the data set that the indices are of.
        alpha: concentration of the class mixes; inf is IID.
        holdout: fraction of its images that each client holds out.
        seed: what the partition, the held-out parts and the tiers were drawn with.
        order: (K) client ids; see `partition.high_clients`. By descending budget if there are any.
        budgets: (K) megabytes of memory that each client can train in, None if nothing is known.
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
        """Sorted ids of the clients whose budget holds so many bytes; perhaps none.

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
        memory: what budgets there are and how often, see `partition.deal_budgets`.
        tier_order: which clients are high-resource, see `partition.tier_order`.

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
    fields = {
        "version": VERSION,
        "dataset_sha256": federation.dataset_sha256,
        "clients": federation.clients,
        # JSON has no infinity.
        "alpha": partition.INFINITE if np.isinf(federation.alpha) else federation.alpha,
        "holdout": federation.holdout,
        "seed": federation.seed,
        "order": list(federation.order),
        "budgets": federation.budgets,
        "train": [indices.tolist() for indices in federation.train],
        "heldout": [indices.tolist() for indices in federation.heldout],
        "label_counts": federation.label_counts.tolist(),
    }
    files.atomic_write_text(path, sealed_json.seal(fields))


def load(path: str | Path, dataset: Dataset | None = None) -> Federation:
    """Read what `save` wrote and verify it, against `dataset` too if that is given.

    Raises:
        FederationError: missing, truncated or edited file, unknown version, a client's image that
            another holds too or that the data set has not, or a federation of other data.
    """
    try:
        federation = _parse(Path(path).read_bytes())
        _check(federation)
        if dataset is not None:
            _check_against(federation, dataset)
    except FileNotFoundError as error:
        raise FederationError(f"{path}: no such file; make it with the workflow") from error
    except FederationError as error:
        raise FederationError(f"{path}: {error}; delete it and let it be made again") from None
    return federation


def _parse(data: bytes) -> Federation:
    """The federation that a file's bytes stand for, if they are those that `save` wrote."""
    try:
        said = sealed_json.unseal(data, VERSION, "federation")
    except ValueError as error:
        raise FederationError(str(error)) from error
    try:
        return Federation(
            str(said["dataset_sha256"]),
            partition.as_alpha(said["alpha"]),
            json_numbers.fraction(said["holdout"]),
            int(json_numbers.integers([said["seed"]])[0]),
            tuple(json_numbers.integers(said["order"]).tolist()),
            json_numbers.budgets(said["budgets"]),
            tuple(map(json_numbers.integers, said["train"])),
            tuple(map(json_numbers.integers, said["heldout"])),
            np.stack([json_numbers.integers(row) for row in said["label_counts"]]),
        )
    except STRANGE as error:
        raise FederationError(f"it is not a federation ({error!r})") from error


def _check(federation: Federation) -> None:
    """The parts fit together: K of each, all clients in the order, all images distinct."""
    k, order, counts = federation.clients, federation.order, federation.label_counts
    if sorted(order) != list(range(k)) or not len(federation.heldout) == len(counts) == k:
        raise FederationError(f"its order, heldout or label_counts are not of its {k} clients")
    if (budgets := federation.budgets) is not None and (
        len(budgets) != k or partition.by_budget(order, budgets) != list(order)
    ):
        raise FederationError(f"its budgets are not of its {k} clients in their order")
    if federation.train_sizes.min() == 0:
        raise FederationError("a client has no images to train on")
    dealt = np.concatenate(federation.held)
    if len(np.unique(dealt)) != len(dealt):
        raise FederationError("an image is held twice")
    if dealt.min() < 0:
        raise FederationError("it holds an image with a negative index")


def _check_against(federation: Federation, dataset: Dataset) -> None:
    """The federation is one of this data set."""
    if federation.dataset_sha256 != dataset.sha256:
        raise FederationError(f"it was made for other data than this {dataset.name}")
    if max(indices.max() for indices in federation.held) >= len(dataset.y_train):
        raise FederationError(f"it holds an image that {dataset.name} does not have")
    counts = count_labels(dataset.y_train, federation.held, dataset.classes)
    if not np.array_equal(counts, federation.label_counts):
        raise FederationError(f"its label_counts are not those of {dataset.name}")
