"""A federation: the images that each client holds, in one file that all of its runs read.

Equal federations give equal bytes.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError as Invalid

from zowarmup.common import files
from zowarmup.config.splits import GIVEN
from zowarmup.data import given_clients, partition
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.draws import generator
from zowarmup.data.federation_value import Federation, FederationError

VERSION = 2  # 2 added the memory budgets


def build(
    dataset: Dataset,
    *,
    clients: int | str,
    alpha: float | str | None = None,
    holdout: float,
    seed: int,
    memory: Sequence[Mapping[str, float]] | None = None,
    tier_order: str = "random",
) -> Federation:
    """Deal the training images of `dataset` to its clients; arguments as in `partition`.

    Partition, held-out parts, tiers and budgets are drawn independently: another alpha leaves the
    tiers unchanged, and another held-out fraction leaves the images of each client unchanged.

    Args:
        clients: their number, or "given" for the clients that the data set names.

    Raises:
        FederationError: there are too few images for each client to train on one and hold one out,
            or the data set names no clients.
    """
    each = 2 if holdout else 1
    given = given_clients.of(dataset, each) if clients == GIVEN else None
    held = given_clients.held(given) if given else _dealt(dataset, int(clients), alpha, each, seed)
    parts = [
        partition.hold_out(indices, holdout, generator("hold out", seed, client))
        for client, indices in enumerate(held)
    ]
    train, heldout = zip(*parts, strict=True)
    order = partition.tier_order(len(held), seed, tier_order)
    budgets = partition.deal_budgets(len(held), memory, seed) if memory else None
    high = given.high if given and not budgets else None
    if budgets:
        order = partition.by_budget(order, budgets)
    elif high is not None:
        order = sorted(order, key=lambda client: not high[client])
    return Federation(
        dataset_sha256=dataset.sha256,
        alpha=None if given else partition.as_alpha(alpha),
        holdout=float(holdout),
        seed=seed,
        order=tuple(order),
        budgets=budgets,
        names=tuple(given.names.tolist()) if given else None,
        high_count=None if high is None else int(high.sum()),
        train=train,
        heldout=heldout,
        label_counts=partition.count_labels(dataset.y_train, held, dataset.classes),
    )


def _dealt(
    dataset: Dataset, clients: int, alpha: float | str | None, each: int, seed: int
) -> list[np.ndarray]:
    """The images that each of K drawn clients holds, at least `each`."""
    labels = dataset.y_train
    if labels.ndim > 1 and partition.as_alpha(alpha) < math.inf:
        raise FederationError(
            f"alpha: {alpha} deals examples by class, but {dataset.name} is text, in which each "
            "token has a class; use `clients: given`, or `alpha: infinite`"
        )
    if len(labels) < clients * each:
        raise FederationError(
            f"{clients} clients share only {len(labels)} training images of {dataset.name}, and "
            f"each needs {each}; use fewer: set `clients: {len(labels) // each}` in `federations`"
        )
    rng = generator("partition", seed)
    return partition.dirichlet_split(labels, clients, partition.as_alpha(alpha), rng)


def save(federation: Federation, path: str | Path) -> None:
    """Write federation.json, all or nothing; drawn clients have no names in it."""
    fields = federation.model_dump() | {"version": VERSION, "clients": federation.clients}
    for name in ("names", "high_count"):
        if fields[name] is None:
            del fields[name]
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
