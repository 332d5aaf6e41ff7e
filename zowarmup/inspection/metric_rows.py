"""Rows of metrics.csv as numbers."""

from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json, read_rows

Row = dict[str, Any]


def rows_of(folder: Path) -> list[Row]:
    """All rows of a run or a warm-up in order; of an unfinished warm-up those saved so far.

    Raises:
        UserError: the file is damaged.
    """
    if (file := folder / "metrics.csv").is_file():
        with reading(file):
            return [{key: _number(text) for key, text in row.items()} for row in read_rows(file)]
    state = folder / "state" / "state.json"
    return list(read_json(state)["rows"]) if state.is_file() else []


def row_at(folder: Path, t: int) -> Row | None:
    """The row of round t; of a warm-up that diverged before, its last one; None without one."""
    rows = [row for row in rows_of(folder) if row["round"] <= t]
    return rows[-1] if rows and (rows[-1]["round"] == t or rows[-1]["diverged"]) else None


def _number(text: str) -> bool | int | float:
    if text in ("True", "False"):
        return text == "True"
    return int(text) if text.lstrip("-").isdecimal() else float(text or "nan")
