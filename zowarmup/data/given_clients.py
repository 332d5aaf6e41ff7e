"""A federation whose clients the data set names."""

import numpy as np

from zowarmup.data.clients import Clients
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation_value import FederationError


def of(dataset: Dataset, each: int) -> Clients:
    """Return the clients that a data set names, each of which holds at least `each` examples.

    Raises:
        FederationError: the data set names no clients, or a client holds too few examples.
    """
    if dataset.given is None:
        raise FederationError(
            f"`clients: given`: {dataset.name} does not say who holds what; name the column with "
            "`client` or return `client_train` from the function, or give a number of clients"
        )
    sizes = np.bincount(dataset.given.train, minlength=len(dataset.given.names))
    for name, size in zip(dataset.given.names, sizes, strict=True):
        if size < each:
            raise FederationError(
                f"`clients: given`: client {name} of {dataset.name} holds only {size} training "
                f"example, and each client needs {each}, one of them to hold out; give it more, "
                "leave its example out, or merge it with another client"
            )
    return dataset.given


def held(given: Clients) -> list[np.ndarray]:
    """The training examples of each client, (n,) int64, sorted."""
    return [np.flatnonzero(given.train == k) for k in range(len(given.names))]
