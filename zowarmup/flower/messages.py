"""The messages between server and nodes, as values and as Flower's records.

hello     job -> who the node is: number, tier, images, and the last round that it has applied
request   what the node lacks (records, or a model), and a task for a round
reply     the result: a model as arrays, or scalars as float32 bytes
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from zowarmup.common.errors import STRANGE, UserError

HELLO, REQUEST, REPLY, MODEL = "hello", "request", "reply", "model"  # keys of records

Arrays = dict[str, np.ndarray]
Task = Literal["train", "scalars", "sync"]  # local training, a zeroth-order round, only catch up
# How a request went: "behind" wants older records or a model, "no-job" a hello.
Status = Literal["ok", "behind", "no-job", "refused"]


@dataclass(frozen=True)
class Identity:
    """A node's answer to the server's hello.

    Attributes:
        client: the number of the client.
        high: whether it is high-resource.
        images: number of its training images.
        shape, classes, scaling: of its data; all nodes must agree.
        applied: the last round in its model, -1 without a model.
    """

    client: int
    high: bool
    images: int
    shape: list[int]
    classes: int
    scaling: str
    applied: int

    def record(self) -> RecordDict:
        """The record of Flower."""
        return RecordDict({HELLO: ConfigRecord(dict(vars(self)))})

    @classmethod
    def of(cls, content: RecordDict) -> Self:
        """Read what `record` wrote."""
        return cls(**_values(content, HELLO, cls))


@dataclass(frozen=True)
class Request:
    """A question of the server to a node.

    Attributes:
        job: fingerprint of the job.
        round: t, the round of the task; for "sync" the last round that the node is to apply.
        at: the round of `model`, if there is one.
        records: packed, of the rounds that the node may lack, in order.
        loss: whether it is to send its loss, too.
        model: the tensors of the model and of the server's state, or empty.
    """

    job: str
    round: int
    task: Task
    at: int
    records: list[bytes]
    loss: bool
    model: Arrays

    def record(self) -> RecordDict:
        """The record of Flower."""
        return _with_model(REQUEST, vars(self))

    @classmethod
    def of(cls, content: RecordDict) -> Self:
        """Read what `record` wrote."""
        return cls(**_values(content, REQUEST, cls))


@dataclass(frozen=True)
class Reply:
    """The answer of a node to a request.

    Attributes:
        client: the number of the client.
        round: that of the request.
        applied: the last round in the node's model, -1 without a model.
        reason: why the node refused, a sentence.
        scalars: float32 bytes, empty if none were asked for.
        moved: |w_i - w|^2 after local steps, by which the server measures the drift; else empty.
        loss: the node's mean loss around w; empty if it was not asked for.
        model: the client's model, or empty.
    """

    client: int
    round: int
    applied: int
    status: Status
    reason: str
    scalars: bytes
    moved: list[float]
    loss: list[float]
    model: Arrays

    def record(self) -> RecordDict:
        """The record of Flower."""
        return _with_model(REPLY, vars(self))

    @classmethod
    def of(cls, content: RecordDict) -> Self:
        """Read what `record` wrote."""
        return cls(**_values(content, REPLY, cls))


def _with_model(key: str, values: Mapping[str, Any]) -> RecordDict:
    """A record of the plain values that are not empty and, if there is a model, its arrays."""
    plain = {k: v for k, v in values.items() if k != MODEL and v not in (b"", "", [])}
    content = RecordDict({key: ConfigRecord(plain)})
    if values[MODEL]:
        content[MODEL] = ArrayRecord({name: Array(x) for name, x in values[MODEL].items()})
    return content


EMPTY: dict[str, Any] = {"records": [], "reason": "", "scalars": b"", "moved": [], "loss": []}


def _values(content: RecordDict, key: str, kind: type) -> dict[str, Any]:
    """The values of a record, complete.

    Raises:
        UserError: the other side runs another version.
    """
    names = {field.name for field in fields(kind)}
    try:
        values = {k: v for k, v in EMPTY.items() if k in names} | dict(content[key])
        if MODEL in names:
            arrays = content.array_records.get(MODEL, {})
            values[MODEL] = {name: array.numpy() for name, array in arrays.items()}
        if values.keys() != names:
            raise ValueError(f"fields {sorted(values)}")
    except STRANGE as error:
        raise UserError(
            f"a message of another version ({error}); install the same zowarmup on all machines"
        ) from error
    return values
