"""A federation as a value: the images that each client holds, and the order of the tiers."""

from typing import Annotated, Any, Self

import numpy as np
from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from zowarmup.common.errors import UserError
from zowarmup.config.phase import Decay, Positive, Settings
from zowarmup.data import partition

MEGABYTE = 10**6
NO_TIERS = (
    "`split: given`: the data do not say which clients are high-resource; name the column with "
    "`tier` or return `tiers` from the function, or give a split such as 10/90"
)


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
        alpha: concentration of the class mixes; inf is IID; None for given clients.
        holdout: fraction of each client's images that is held out.
        seed: decides the partition, the held-out parts and the tiers.
        order: (K) client ids; see `partition.high_clients`. Sorted by descending budget, if any;
            else those clients come first that the data call high-resource.
        budgets: (K) megabytes of memory that each client can train in, None without budgets.
        names: (K) names of the clients in the data; None for drawn clients.
        high_count: the number of clients that the data call high-resource, the first of `order`;
            None where the data do not say, or budgets order the clients.
        train, heldout: for each client, sorted indices into the training images, all disjoint.
        label_counts: (K, C) images of each class, train and held out together.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="ignore")

    dataset_sha256: str
    alpha: Alpha | None
    holdout: Decay
    seed: int
    order: Annotated[tuple[int, ...], Tuple]
    budgets: Annotated[tuple[Positive, ...], Tuple] | None
    names: Annotated[tuple[str, ...], Tuple] | None = None
    high_count: int | None = None
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
        if self.names is not None and len(self.names) != k:
            raise ValueError(f"its names do not fit its {k} clients")
        if self.high_count is not None and not 0 <= self.high_count <= k:
            raise ValueError(f"its high_count does not fit its {k} clients")
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

    @property
    def given_high(self) -> tuple[int, ...]:
        """Sorted ids of the clients that the data call high-resource.

        Raises:
            FederationError: the data do not say which clients are.
        """
        if self.high_count is None:
            raise FederationError(NO_TIERS)
        return tuple(sorted(self.order[: self.high_count]))

    def holding(self, size: int) -> tuple[int, ...]:
        """Sorted ids of the clients whose budget holds `size` bytes; there may be none.

        Raises:
            FederationError: the clients have no budgets.
        """
        if self.budgets is None:
            raise FederationError("this federation has no memory budgets: add `memory` to it")
        return tuple(k for k, budget in enumerate(self.budgets) if size <= MEGABYTE * budget)
