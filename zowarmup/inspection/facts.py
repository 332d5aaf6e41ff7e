"""Facts about results, in one structure that is printed, written as JSON or used from Python.

Each name has a value, a mapping of further facts, or a table, which is a list of rows.
"""

import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tabulate import tabulate

Facts = dict[str, Any]

HASH = re.compile(r"([0-9a-f]{12})[0-9a-f]{52}")  # a table shows the first 12 digits


def as_json(facts: Any) -> str:
    """Return facts, or a list of facts, as JSON with null in place of NaN and infinity."""
    finite = json.loads(json.dumps(facts), parse_constant=lambda number: None)
    return json.dumps(finite, indent=1)


def as_text(facts: Facts) -> str:
    """Return the values one per line, then each table or group of facts below its name."""
    values, blocks = {}, []
    for name, value in facts.items():
        match value:
            case Mapping() if value:
                blocks.append((name, _values(value)))
            case [Mapping(), *_]:
                blocks.append((name, table(value)))
            case _ if value not in (None, [], {}):
                values[name] = value
    named = (f"{_title(name)}\n{textwrap.indent(block, '  ')}" for name, block in blocks)
    return "\n\n".join(filter(None, [_values(values), *named]))


def _values(facts: Mapping[str, Any]) -> str:
    lines = [(_title(name), show(value)) for name, value in facts.items() if value is not None]
    return tabulate(lines, tablefmt="plain", disable_numparse=True)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows below the names of their columns, numbers to the right and words to the left."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[HASH.sub(r"\1...", show(row.get(column, ""))) for column in columns] for row in rows]
    words = [any(isinstance(row.get(c), str) and row.get(c) for row in rows) for c in columns]
    sides = ["left" if word else "right" for word in words]
    lines = [list(map(_title, columns)), *cells]
    return tabulate(lines, tablefmt="plain", disable_numparse=True, colalign=sides)


def _title(name: str) -> str:
    return name.replace("_", " ")


def show(value: Any) -> str:
    """Return a value as short text, with "-" for NaN and None."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return "-" if math.isnan(value) else f"{value:.6g}"
        case [int(), *_]:  # sizes
            return "x".join(map(str, value))
        case [*parts]:
            return ", ".join(map(show, parts))
    return str(value)
