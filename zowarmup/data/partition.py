"""The images that each client trains on and holds out, and the order of high-resource clients.

alpha: concentration of the Dirichlet over classes; K: clients; C: classes; q: a client's class mix.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from zowarmup.data.draws import generator

INFINITE = "infinite"  # alpha of the IID split, in files that cannot hold infinity


def as_alpha(value: float | str | None) -> float:
    """Return alpha as a number; a file holds "infinite" or a number > 0.

    Raises:
        ValueError: anything else.
    """
    alpha = math.inf if value == INFINITE else value
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not alpha > 0:
        raise ValueError(f'alpha is {value!r} but must be a number > 0, .inf or "{INFINITE}"')
    return float(alpha)


def dirichlet_split(
    labels: np.ndarray, num_clients: int, alpha: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Equal-sized clients, each with its own class mix drawn from Dir(alpha).

    alpha = inf is the IID split, alpha -> 0 nearly one class per client. Up to num_clients - 1
    images are left over. A class that runs out is dropped from the mixes of the clients still to be
    served, so at small alpha do not read the split as a fair Dirichlet sample, and do not make the
    first clients the high-resource ones (see `tier_order`). This split always terminates, unlike
    splits that draw sizes until every size is large enough.

    Args:
        labels: (n,) class of each training image, in 0..C-1.
        num_clients: K, 1 to n.
        alpha: > 0; it is the same for all C classes, however many images a class has.

    Returns:
        One sorted array of n // K indices per client, pairwise disjoint.

    Reference: Hsu et al. 2019, arXiv:1909.06335.
    """
    if not 1 <= num_clients <= len(labels):
        raise ValueError(f"{len(labels)} images cannot be dealt to {num_clients} clients")
    size = len(labels) // num_clients
    if math.isinf(as_alpha(alpha)):
        dealt = rng.permutation(len(labels))[: size * num_clients].reshape(num_clients, size)
        return list(np.sort(dealt, axis=1))
    available = np.bincount(labels)
    q = rng.dirichlet(np.full(len(available), alpha), size=num_clients)
    if not np.allclose(q.sum(axis=1), 1):  # the draw has left the range of float64
        raise ValueError(f"alpha = {alpha} is out of range; for the IID split use .inf")
    return deal(labels, class_counts(q, available, size, rng), rng)


def class_counts(
    q: np.ndarray, available: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the number of images of each class for each client, (K, C); rows sum to `size`.

    As if each client drew images one by one from a row of q (K, C), and repeated every draw of an
    exhausted class. A pass of the loop exhausts a class or is the last: there are at most C passes.

    Args:
        available: (C,) images of each class, at least K * size in all.
    """
    counts = rng.multinomial(size, q)
    left = available.copy()
    for k, row in enumerate(counts):
        np.minimum(row, left, out=row)
        while missing := size - int(row.sum()):
            still = np.flatnonzero(left > row)
            # If the mix has no mass on the remaining classes, their numbers of images replace it.
            mass = q[k, still] if q[k, still].sum() > 0 else (left - row)[still]
            row[still] += rng.multinomial(missing, mass / mass.sum())
            np.minimum(row, left, out=row)
        left -= row
    return counts


def deal(labels: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal `counts` (K, C) images: shuffle each class, and give its next images to each client."""
    shares: list[list[np.ndarray]] = [[] for _ in counts]
    for c, column in enumerate(counts.T):
        shuffled = rng.permutation(np.flatnonzero(labels == c))
        pieces = np.split(shuffled, np.cumsum(column))  # one more than clients, for the rest
        for share, piece in zip(shares, pieces[:-1], strict=True):
            share.append(piece)
    return [np.sort(np.concatenate(share)) for share in shares]


def count_labels(labels: np.ndarray, held: Sequence[np.ndarray], classes: int) -> np.ndarray:
    """(K, C) images of each class that each client holds; in text, tokens that are predicted."""
    return np.stack([np.bincount(labels[rows].ravel(), minlength=classes) for rows in held])


def hold_out(
    indices: np.ndarray, fraction: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Split a client's images into those to train on and a random `fraction` to hold out, sorted.

    At least one image is left for training; then, if fraction > 0, at least one is held out.

    Raises:
        ValueError: fraction is not in [0, 1).
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the held-out fraction is {fraction} but must be at least 0 and below 1")
    wanted = max(round(fraction * len(indices)), int(fraction > 0))
    held = max(min(wanted, len(indices) - 1), 0)
    shuffled = rng.permutation(indices)
    return np.sort(shuffled[held:]), np.sort(shuffled[:held])


def tier_order(num_clients: int, seed: int, rule: str = "random") -> list[int]:
    """Return the clients in the order in which a split makes them high-resource.

    The order is random, because the first clients of `dirichlet_split` get the purest mixes; the
    rule "first" takes them first, as the authors' public federated code does. All splits share the
    order, so that the high-resource clients of 10/90 are among those of 30/70.
    """
    if rule == "first":
        return list(range(num_clients))
    return generator("tiers", seed).permutation(num_clients).tolist()


def deal_budgets(
    num_clients: int, memory: Sequence[Mapping[str, float]], seed: int
) -> tuple[float, ...]:
    """The megabytes (10^6 bytes) of memory that each client has for training, in random order.

    Args:
        memory: each budget in `megabytes`, with the `share` of clients that have it. Cumulative
            shares are rounded to whole clients, so that every client has a budget.

    Raises:
        ValueError: the shares do not add up to 1.
    """
    shares = [part["share"] for part in memory]
    if not math.isclose(math.fsum(shares), 1):
        raise ValueError(f"the shares of clients by memory add up to {math.fsum(shares)}, not 1")
    ends = np.rint(np.cumsum(shares) * num_clients).astype(int)
    sizes = np.diff(ends, prepend=0)
    dealt = np.repeat([float(part["megabytes"]) for part in memory], sizes)
    return tuple(generator("budgets", seed).permutation(dealt).tolist())


def by_budget(order: Sequence[int], budgets: Sequence[float]) -> list[int]:
    """Return the clients by descending memory; clients with equal budgets stay in order."""
    return sorted(order, key=lambda client: -budgets[client])


def high_clients(order: Sequence[int], fraction: float) -> list[int]:
    """The high-resource clients of a split: the first round(fraction * K), at least 1 if > 0.

    Raises:
        ValueError: fraction is not in [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"the fraction of high-resource clients is {fraction}, not 0 to 1")
    return list(order[: max(round(fraction * len(order)), int(fraction > 0))])
