"""The record of a round as bytes: scalars as float32, as the costs count them.

    head      round, lr, A, S, number of dropped clients, flags
    clients   int32 (A)             weights   float64 (A)
    lengths   uint32 (A), only if clients sent different numbers of scalars
    scalars   float32               dropped   int32
    chosen    uint32, only in FedKSeed

The drift stays on the server, because no step depends on it. All numbers are little-endian.
"""

import itertools
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np

from zowarmup.algorithms.rounds import RecordError, RoundRecord

HEAD = struct.Struct("<IdIiiB")
RAGGED, NONE = -1, -1  # instead of S or of the number of dropped clients
CHOSEN = 1  # flag

Plain = dict[str, object]


def pack(record: RoundRecord) -> bytes:
    """Return a record as bytes."""
    lengths = [len(cs) for cs in record.scalars]
    S = lengths[0] if len({*lengths}) == 1 else RAGGED
    dropped = NONE if record.dropped is None else len(record.dropped)
    head = HEAD.pack(
        record.round, record.lr, len(lengths), S, dropped, CHOSEN if record.chosen else 0
    )
    parts = [
        _bytes("<i4", record.clients),
        _bytes("<f8", record.weights),
        _bytes("<u4", lengths if S == RAGGED else ()),
        _bytes("<f4", itertools.chain.from_iterable(record.scalars)),
        _bytes("<i4", record.dropped or ()),
        _bytes("<u4", itertools.chain.from_iterable(record.chosen or ())),
    ]
    return head + b"".join(parts)


def unpack(data: bytes) -> RoundRecord:
    """Return the record that bytes hold.

    Raises:
        RecordError: the bytes are no record of a round.
    """
    try:
        return RoundRecord.from_json(_fields(data))
    except (ValueError, struct.error) as error:
        raise RecordError(f"a message holds no record of a round ({error})") from error


def _fields(data: bytes) -> Plain:
    t, lr, A, S, dropped, flags = HEAD.unpack_from(data)
    numbers = _Reader(data, HEAD.size)
    clients, weights = numbers.take("<i4", A), numbers.take("<f8", A)
    lengths = [S] * A if S != RAGGED else numbers.take("<u4", A)
    scalars = [numbers.take("<f4", n) for n in lengths]
    fields: Plain = {"round": t, "lr": lr, "clients": clients, "weights": weights}
    fields["scalars"] = scalars
    if dropped != NONE:
        fields["dropped"] = numbers.take("<i4", dropped)
    if flags & CHOSEN:
        fields["chosen"] = [numbers.take("<u4", n) for n in lengths]
    if numbers.at != len(data):
        raise ValueError(f"{len(data)} bytes instead of {numbers.at}")
    return fields


class _Reader:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, kind: str, count: int) -> list[Any]:
        """The next numbers of a kind."""
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values.tolist()


def _bytes(kind: str, values: Iterable[float]) -> bytes:
    return np.array([*values], dtype=kind).tobytes()
