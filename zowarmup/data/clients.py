"""Clients that the data themselves name: who holds which example, and who is high-resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zowarmup.data.arrays import Arrays, DataError

KEYS = ("client_names", "client_train", "client_high")  # the arrays in dataset.npz, if any
HIGH, LOW = "high", "low"


@dataclass(frozen=True, eq=False)
class Clients:
    """The clients of a data set, 0..K-1 in the sorted order of their names.

    Attributes:
        names: (K,) text.
        train: (N,) int64, the client that holds each training example.
        high: (K,) bool, which clients are high-resource; None where the data do not say.
    """

    names: np.ndarray
    train: np.ndarray
    high: np.ndarray | None = None

    @property
    def arrays(self) -> Arrays:
        """The attributes as arrays of dataset.npz."""
        pairs = zip(KEYS, (self.names, self.train, self.high), strict=True)
        return {key: array for key, array in pairs if array is not None}


def of_arrays(arrays: Arrays) -> Clients | None:
    """The clients in the arrays of a dataset.npz, which are removed; None without clients."""
    names, train, high = (arrays.pop(key, None) for key in KEYS)
    return None if names is None or train is None else Clients(names, train, high)


def clients_of(
    given: Any, examples: int, where: str, tiers: Mapping[Any, Any] | None = None
) -> Clients:
    """Return the clients from the name of each example's client.

    Args:
        given: (N,) integers or texts, in the order of the training examples.
        examples: N.
        where: of the names, for messages, such as "my_data.py: client_train".
        tiers: "high" or "low" by the name of each client.

    Raises:
        DataError: a name is neither integer nor text, or a client has no tier or an unknown one.
    """
    values = np.asarray(given)
    if values.ndim != 1 or values.dtype.kind not in "iuUO":
        raise DataError(
            f"{where} has dtype {values.dtype} and shape {values.shape} but must be one integer or "
            "text per training example; give the name of the client who holds the example"
        )
    if len(values) != examples:
        raise DataError(
            f"{where} has {len(values)} entries but there are {examples} training examples; give "
            "each example the name of its client"
        )
    names = values.tolist()
    for i, name in enumerate(names):
        if type(name) is not type(names[0]) or type(name) not in (int, str) or name == "":
            raise DataError(
                f"{where}[{i}] is {name!r} but must be the name of a client, like {names[0]!r}; "
                "give all names as integers or all as texts"
            )
    clients = sorted(set(names))
    place = {name: k for k, name in enumerate(clients)}
    high = None if tiers is None else _high([str(name) for name in clients], tiers, where)
    train = np.array([place[name] for name in names], np.int64)
    return Clients(np.array([str(name) for name in clients]), train, high)


def _high(names: Sequence[str], tiers: Mapping[Any, Any], where: str) -> np.ndarray:
    """Return which clients are high-resource, (K,) bool."""
    given = {str(name): tier for name, tier in tiers.items()}
    for name in names:
        if given.get(name) not in (HIGH, LOW):
            fault = f"is {given[name]!r}" if name in given else "is missing"
            raise DataError(
                f"{where}: the tier of client {name} {fault} but must be {HIGH!r} or {LOW!r}; "
                "give each client one of the two"
            )
    if strange := sorted(given.keys() - set(names)):
        raise DataError(
            f"{where}: client {strange[0]} has a tier but no training example; leave its tier out, "
            "or give it examples"
        )
    return np.array([given[name] == HIGH for name in names])
