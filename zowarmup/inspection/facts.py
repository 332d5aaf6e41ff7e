"""Facts about results, in one shape for people, programs and Python.

A name stands for a value, for facts of its own, or for a table: a list of rows of equal names.
"""

import json
import math
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

Facts = dict[str, Any]

HASH = re.compile(r"[0-9a-f]{64}")  # in a table its beginning is enough to tell two apart


def as_json(facts: Any) -> str:
    """Facts, or a list of them, as JSON, which has no NaN and no infinity: null stands for both."""
    finite = json.loads(json.dumps(facts), parse_constant=lambda number: None)
    return json.dumps(finite, indent=1)


def as_text(facts: Facts) -> str:
    """Values one to a line, then each table and each group of facts under its name."""
    shown = {name: value for name, value in facts.items() if value not in (None, [], {})}
    groups = {name: value for name, value in shown.items() if _is_group(value)}
    blocks = [_values({name: shown[name] for name in shown if name not in groups})]
    for name, value in groups.items():
        block = _values(value) if isinstance(value, Mapping) else table(value)
        blocks.append(f"{_title(name)}\n{textwrap.indent(block, '  ')}")
    return "\n\n".join(filter(None, blocks))


def _is_group(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and isinstance(value[0], Mapping))


def _values(facts: Mapping[str, Any]) -> str:
    lines = [(_title(name), show(value)) for name, value in facts.items() if value is not None]
    return tabulate(lines, tablefmt="plain", disable_numparse=True)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the names of their columns; numbers at the right, words at the left."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    words = [any(isinstance(row.get(c), str) and row.get(c) for row in rows) for c in columns]
    return tabulate(
        [
            list(map(_title, columns)),
            *([HASH.sub(_short, show(row.get(column, ""))) for column in columns] for row in rows),
        ],
        tablefmt="plain",
        disable_numparse=True,
        colalign=["left" if word else "right" for word in words],
    )


def _title(name: str) -> str:
    return name.replace("_", " ")


def _short(match: re.Match[str]) -> str:
    return f"{match[0][:12]}..."


def show(value: Any) -> str:
    """A value in few characters; "-" for NaN and None."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return "-" if math.isnan(value) else f"{value:.6g}"
        case str() | Mapping():
            return str(value)
        case Iterable():
            parts = list(value)
            sizes = parts and all(type(part) is int for part in parts)
            return "x".join(map(str, parts)) if sizes else ", ".join(map(show, parts))
    return str(value)
