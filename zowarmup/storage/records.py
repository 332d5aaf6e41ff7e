"""What a record of a zeroth-order round may hold.

A checksum tells what a disk has done to a record, not what a person has: one that was written anew
may hold anything, and much of that would train on to other numbers without a word.
"""

import math
import sys
from collections.abc import Mapping
from typing import Any

from zowarmup.algorithms.rounds import Cohort
from zowarmup.common.errors import STRANGE, UserError, cause

LARGEST = 3.4028234663852886e38  # of a float32, as which scalars travel
SUM = 1e-6  # by how much the sum of the weights may be off 1

Record = Mapping[str, Any]


class RecordError(UserError):
    """A record that no round has made; the message is part of a sentence."""


def fault(record: Record) -> str:
    """What is wrong with a record of a round, nothing if every field is such as a round leaves it.

    Nothing is said of other lines of a journal: the first one, and results of trials.
    """
    try:
        if "round" in record:
            _check(record)
    except STRANGE as error:
        return f"is none of a round ({cause(error)})"
    return ""


def _check(record: Record) -> None:
    clients, weights, scalars = record["clients"], record["weights"], record["scalars"]
    _must(type(record["round"]) is int and record["round"] > 0, "round is no number from 1 on")
    _must(_numbers(clients) and clients == sorted(set(clients)), "clients are no sorted numbers")
    _must(len(weights) == len(scalars) == len(clients) > 0, "weights or scalars are not of clients")
    _must(all(map(_is_share, weights)) and _is_whole(weights), "weights are no shares of the whole")
    _must(all(_is_scalar(c) for cs in scalars for c in cs), "scalars are not all float32")
    _must(_is_scalar(record["lr"]) and record["lr"] > 0, "lr is no number above 0")
    if "chosen" in record:
        _must(all(map(_numbers, record["chosen"])), "chosen are no numbers of candidates")
    if "drift" in record:
        drift = record["drift"]
        _must(type(drift) in (int, float) and 0 <= drift <= sys.float_info.max, "drift is none")


def due(record: Record, t: int, members: Cohort) -> None:
    """The record is that of round t and of its clients.

    Raises:
        RecordError: it is another one.
    """
    dropped = record.get("dropped")
    left_out = dropped if isinstance(dropped, list) else []
    sizes = [
        0 if client in left_out else n
        for client, n in zip(members.clients, members.sizes, strict=True)
    ]
    shares = [n / (sum(sizes) or 1) for n in sizes]
    found = record.get("round"), record.get("clients"), record.get("weights")
    if found != (t, list(members.clients), shares):
        raise RecordError(
            f"a record of round {short(record)} stands where round {t} of {len(sizes)} clients "
            "with their shares is due"
        )


def short(record: Record) -> str:
    """The round of a record, whatever stands there."""
    return repr(record.get("round"))[:20]


def _must(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)


def _is_share(p: Any) -> bool:
    return type(p) in (int, float) and 0 <= p <= 1


def _is_whole(weights: list[float]) -> bool:
    total = math.fsum(weights)
    return total == 0 or abs(total - 1) < SUM  # 0 where every client was dropped


def _is_scalar(c: Any) -> bool:
    return type(c) in (int, float) and -LARGEST <= c <= LARGEST
