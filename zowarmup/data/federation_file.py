"""federation.json: a federation as lists, with a fingerprint of its own contents.

Equal federations give equal bytes. Reading finds a file that was cut short, edited or written by
another version.
"""

import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from zowarmup.common.errors import UserError
from zowarmup.config.phase import Count, Decay, Positive, Settings
from zowarmup.data import partition

VERSION = 2  # 2 added the memory budgets

Indices = list[Annotated[int, Field(ge=0, lt=2**63)]]


class FederationError(UserError):
    """A federation that cannot be used; the message is one sentence: file, fault and fix."""


class FederationFile(Settings):
    """The fields of federation.json; see `federation.Federation` for those of the same name.

    Attributes:
        clients: K.
        alpha: "infinite" for IID, since JSON has no infinity.
        train, heldout: K lists of indices into the training images.
        label_counts: K rows with the images of each class.
    """

    version: int = VERSION
    dataset_sha256: str
    clients: Count
    alpha: Positive | Literal["infinite"]
    holdout: Decay
    seed: int
    order: list[int]
    budgets: list[Positive] | None
    train: list[Annotated[Indices, Field(min_length=1)]]
    heldout: list[Indices]
    label_counts: list[Indices]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        k, parts = self.clients, (self.train, self.heldout, self.label_counts)
        if sorted(self.order) != list(range(k)) or any(len(part) != k for part in parts):
            raise ValueError(f"order, train, heldout or label_counts are not of {k} clients")
        if len(set(map(len, self.label_counts))) > 1:
            raise ValueError("label_counts has rows of several lengths")
        if self.budgets is not None and (
            len(self.budgets) != k or partition.by_budget(self.order, self.budgets) != self.order
        ):
            raise ValueError(f"budgets are not of {k} clients in their order")
        images = list(chain(*self.train, *self.heldout))
        if len(set(images)) < len(images):
            raise ValueError("an image is held twice")
        return self


def sealed(fields: dict[str, Any]) -> str:
    """The text of a JSON object with the SHA-256 of its other fields added."""
    return _json(fields | {"sha256": _sha256(fields)}) + "\n"


def read(path: str | Path) -> FederationFile:
    """The fields of a federation.json.

    Raises:
        FederationError: no such file, truncated, edited, of another version, or the fields do not
            fit together.
    """
    try:
        return _unsealed(Path(path).read_bytes())
    except FileNotFoundError:
        raise FederationError(f"{path}: no such file; make it with the workflow") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        fault = f"it is not a federation ({place}: {first['msg']})"
    except ValueError as error:
        fault = str(error)
    raise FederationError(f"{path}: {fault}; delete it and let Snakemake recreate it")


def _unsealed(data: bytes) -> FederationFile:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not complete JSON ({error}), perhaps truncated") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise ValueError(f"it is not a federation of version {VERSION}")
    if fields.pop("sha256", None) != _sha256(fields):
        raise ValueError("its sha256 does not match its contents, so it was edited")
    return FederationFile.model_validate(fields)


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def _sha256(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_json(fields).encode()).hexdigest()
