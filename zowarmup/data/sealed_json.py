"""JSON objects that carry their version and a fingerprint of their own contents.

Equal objects give equal bytes, and what was cut short, edited or written for another version is
found when it is read.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_json

EDITED = "its sha256 does not match its contents, so it was edited"


def seal(fields: dict[str, Any]) -> str:
    """The object as text, with its `sha256` added; `fields` has a `version`."""
    return _json(fields | {"sha256": _sha256(fields)}) + "\n"


def unseal(data: bytes, version: int, kind: str) -> dict[str, Any]:
    """The object that `seal` made these bytes from.

    Args:
        kind: what it is, for the error.

    Raises:
        ValueError: it is not such an object, or not of this version; the message says "it".
    """
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not complete JSON ({error}), perhaps truncated") from error
    if not isinstance(fields, dict) or fields.get("version") != version:
        raise ValueError(f"it is not a {kind} of version {version}")
    if fields.pop("sha256", None) != _sha256(fields):
        raise ValueError(EDITED)
    return fields


def read(path: Path | str) -> dict[str, Any]:
    """The object that `seal` made a file of, whatever it stands for.

    Raises:
        UserError: no such file, or it was cut short or edited.
    """
    fields = read_json(path)
    if fields.pop("sha256", None) != _sha256(fields):
        raise UserError(f"{path}: {EDITED}; delete it and let it be made again")
    return fields


def _json(fields: dict[str, Any]) -> str:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"))


def _sha256(fields: dict[str, Any]) -> str:
    return hashlib.sha256(_json(fields).encode()).hexdigest()
