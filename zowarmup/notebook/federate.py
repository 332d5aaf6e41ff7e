"""Data in memory, dealt to clients, for a notebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from zowarmup.common.errors import UserError
from zowarmup.config.splits import GIVEN
from zowarmup.data import federation
from zowarmup.data.arrays import KEYS
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation_value import Federation
from zowarmup.data.sources import python_file
from zowarmup.notebook import settings

NAME = "notebook"  # of the data set


class Examples(Protocol):
    """A `torch.utils.data.Dataset` of pairs (input, class)."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Federated:
    """Data and the clients that hold them, see `federate`."""

    data: Dataset
    dealt: Federation

    def __repr__(self) -> str:
        return (
            f"Federated({self.dealt.clients} clients, {len(self.data.y_train)} training and "
            f"{len(self.data.y_test)} test examples, {self.data.classes} classes)"
        )


def federate(
    *data: Any,
    clients: int | Sequence[Any],
    alpha: float | str | None = None,
    holdout: float = 0.1,
    tiers: Mapping[Any, str] | None = None,
    tier_order: str = "random",
    seed: int = 0,
) -> Federated:
    """Deal data to clients, as the workflow does.

    Args:
        data: four arrays or tensors x_train, y_train, x_test, y_test, or two
            `torch.utils.data.Dataset`s of pairs (input, class), to train and to test on. Inputs are
            images (uint8), features (float32) or tokens (int64); see docs/your-own.md.
        clients: their number K, or the client of each training example, (N,).
        alpha: concentration of the clients' mixes of classes; "infinite" for no skew. Only with K.
        holdout: the share of each client's examples to select learning rates on.
        tiers: "high" or "low" by client, where clients are given; for `split="given"`.
        tier_order: "random" or "first", see docs/config.md.
        seed: decides the partition, the held-out examples and the tiers.

    Raises:
        UserError: the data or a setting cannot be used; it says what to change.
    """
    given = None if isinstance(clients, int | np.integer) else clients
    if (given is None) != (alpha is not None):
        raise UserError(
            "alpha: give a number, or 'infinite', with a number of clients; leave it out where "
            "`clients` says who holds each example"
        )
    dealing = settings.checked(
        settings.Dealing,
        dataset=NAME,
        clients=clients if given is None else GIVEN,
        alpha=alpha,
        holdout=holdout,
        tier_order=tier_order,
        seed=seed,
    )
    arrays = dict(zip(KEYS, _arrays(data), strict=True))
    more = {python_file.CLIENTS: given, python_file.TIERS: tiers}
    whole = python_file.of_mapping(NAME, arrays | more, "federate")
    dealt = federation.build(whole, **dealing.model_dump(exclude={"dataset", "memory"}))
    return Federated(whole, dealt)


def _arrays(data: Sequence[Any]) -> tuple[Any, ...]:
    if len(data) == len(KEYS):
        return tuple(data)
    if len(data) == 2:
        return (*_stacked(data[0], "the training data"), *_stacked(data[1], "the test data"))
    raise UserError(
        f"federate: give {', '.join(KEYS)}, or a training and a test Dataset, not {len(data)} "
        "values"
    )


def _stacked(examples: Examples, which: str) -> tuple[np.ndarray, np.ndarray]:
    """The inputs and classes of a Dataset as arrays."""
    pairs = [examples[i] for i in range(len(examples))]
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise UserError(
                f"federate: {which}: give pairs (input, class), not {type(pair).__name__}"
            )
    try:
        x = np.stack([np.asarray(_plain(pair[0])) for pair in pairs])
        return x, np.array([int(pair[1]) for pair in pairs])
    except (TypeError, ValueError) as error:
        raise UserError(
            f"federate: {which} cannot become arrays ({error}); give inputs of one shape as arrays "
            "or tensors, and whole numbers as classes"
        ) from None


def _plain(value: Any) -> Any:
    return value.numpy() if isinstance(value, torch.Tensor) else value
