"""Text of natural clients as blocks of bytes, with held-out clients and held-out ends of texts.

A block is T bytes x and the byte y that follows each of them; the next block begins where it ends,
so that each byte but the first is predicted once. Clients whose text is too short are left out.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from zowarmup.config import data_files
from zowarmup.config.datasets import Docstrings, TextData
from zowarmup.data import clients, dataset_file
from zowarmup.data.arrays import Arrays, DataError
from zowarmup.data.draws import generator

BYTES = 256  # different values of a byte
LEAST = 2  # blocks with which a client trains, one of them held out to choose learning rates
FIFTH = 0.2  # the share of clients that are for testing alone by default


def dataset(texts: Mapping[str, str], settings: TextData | Docstrings) -> dataset_file.Dataset:
    """Return the data set of the texts of some clients.

    Args:
        texts: by the name of the client.

    Raises:
        DataError: too few clients have enough text.
    """
    where, T, share = data_files.title(settings), settings.context, settings.test_tail
    # Not the path, which differs between the folders in which a command may start.
    name = data_files.base_name(settings.text) if isinstance(settings, TextData) else where
    coded = {name: text.encode() for name, text in sorted(texts.items())}
    coded = {name: text for name, text in coded.items() if len(text) >= settings.bytes_least}
    cut = {name: blocks(text[: settings.bytes_each], T) for name, text in coded.items()}
    cut = {name: own for name, own in cut.items() if len(own) >= LEAST + _tail(len(own), share)}
    test, train = _drawn(list(cut), settings, len(texts), name)
    tails = {name: _tail(len(cut[name]), share) for name in train}
    begins = [cut[name][: len(cut[name]) - tails[name]] for name in train]
    ends = [cut[name][len(cut[name]) - tails[name] :] for name in train]
    arrays = _part("train", begins) | _part("test", [cut[name] for name in test] + ends)
    names = np.repeat(train, [len(own) for own in begins])
    given = clients.clients_of(names, len(names), where)
    return dataset_file.scaled(name, arrays, given=given, vocabulary=BYTES)


def blocks(text: bytes, T: int) -> np.ndarray:
    """Cut a text into blocks of T + 1 bytes, whose first byte is the last one of the block before.

    Returns:
        (n, T + 1) uint8; the end of the text that fills no block is left out.
    """
    n = max(0, (len(text) - 1) // T)
    starts = T * np.arange(n)[:, None]
    return np.frombuffer(text, np.uint8)[starts + np.arange(T + 1)]


def _tail(n: int, share: float) -> int:
    """The number of a client's n blocks that are for testing: at least one if share > 0."""
    return math.ceil(share * n)


def _drawn(
    names: Sequence[str], settings: TextData | Docstrings, every: int, name: str
) -> tuple[list[str], list[str]]:
    """Draw the clients that are for testing alone, and those that train, each sorted.

    Args:
        every: the number of clients, also of those with too little text.
        name: of the data set, which decides the draw.
    """
    wanted, held = settings.clients, settings.test_clients
    if held is None:
        held = round(len(names) * FIFTH if wanted is None else wanted * FIFTH / (1 - FIFTH))
    wanted = max(1, len(names) - held) if wanted is None else wanted
    if wanted + held > len(names):
        raise DataError(
            f"{data_files.title(settings)}: {wanted} clients and {held} for testing are "
            f"{wanted + held}, but only {len(names)} of {every} clients have enough text for their "
            f"blocks of {settings.context + 1} bytes; use fewer, or a smaller `context` or "
            "`bytes_least`"
        )
    order = [names[i] for i in generator("text clients", name).permutation(len(names))]
    return sorted(order[:held]), sorted(order[held : held + wanted])


def _part(part: str, blocks_of: Sequence[np.ndarray]) -> Arrays:
    """The inputs and labels of "train" or "test", (N, T) int64 each."""
    joined = np.concatenate(blocks_of).astype(np.int64)
    x, y = joined[:, :-1], joined[:, 1:]
    return {f"x_{part}": np.ascontiguousarray(x), f"y_{part}": np.ascontiguousarray(y)}
