"""Facts as text for people: names with their values, lists of alike things as tables."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

HASH = re.compile(r"[0-9a-f]{64}")  # in a table its beginning is enough to tell two apart


def text(facts: Mapping[str, Any]) -> str:
    """Values one to a line, then what is a table or has parts of its own, each under its name."""
    parts = {name: value for name, value in facts.items() if _has_parts(value)}
    values = {name: value for name, value in facts.items() if name not in parts}
    blocks = [_lines(values), *(_block(name, value) for name, value in parts.items())]
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _block(name: str, value: Any) -> list[str]:
    lines = _lines(value) if isinstance(value, Mapping) else table(value)
    return [name.replace("_", " "), *(f"  {line}" for line in lines)]


def _lines(values: Mapping[str, Any]) -> list[str]:
    """Names with their values side by side; what is not known is left out."""
    known = {name.replace("_", " "): value for name, value in values.items() if value is not None}
    width = max(map(len, known), default=0)
    return [f"{name:{width}}  {show(value)}" for name, value in known.items()]


def _has_parts(value: Any) -> bool:
    several = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return several or (isinstance(value, Mapping) and bool(value))


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows under their names; numbers at the right, words at the left."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_short(show(row.get(column, ""))) for column in columns] for row in rows]
    words = [any(isinstance(row.get(c), str) and row.get(c) for row in rows) for c in columns]
    cells.insert(0, [column.replace("_", " ") for column in columns])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(line, widths, words, strict=True)
        ).rstrip()
        for line in cells
    ]


def _short(cell: str) -> str:
    return f"{cell[:12]}..." if HASH.fullmatch(cell) else cell


def show(value: Any) -> str:
    """A value in few characters; "-" for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        parts = list(value)
        return "x".join(map(str, parts)) if _sizes(parts) else ", ".join(map(show, parts))
    return str(value)


def _sizes(parts: Sequence[Any]) -> bool:
    return bool(parts) and all(type(part) is int for part in parts)
