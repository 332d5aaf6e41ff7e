"""Rows of metrics.csv as numbers."""

from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json, read_rows

Row = dict[str, Any]


def rows_of(folder: Path) -> list[Row]:
    """All rows of a run or a warm-up, in order; of one that is not finished as far as it saved."""
    if (file := folder / "metrics.csv").is_file():
        with reading(file):
            return [{key: _number(text) for key, text in row.items()} for row in read_rows(file)]
    state = folder / "state" / "state.json"
    return list(read_json(state)["rows"]) if state.is_file() else []


def last_row(folder: Path) -> Row | None:
    """The last row of a finished job, without looking at those before it; None without a file.

    Raises:
        UserError: the file is damaged.
    """
    file = folder / "metrics.csv"
    if not file.is_file():
        return None
    with reading(file):
        lines = file.read_text(encoding="utf-8").splitlines()
        pairs = zip(lines[0].split(","), lines[-1].split(","), strict=True)
        return {key: _number(text) for key, text in pairs}


def row_at(folder: Path, t: int) -> Row | None:
    """The row of round t; where a warm-up diverged before, its last one; None without one."""
    rows = [row for row in rows_of(folder) if row["round"] <= t]
    return rows[-1] if rows and (rows[-1]["round"] == t or rows[-1]["diverged"]) else None


def _number(text: str) -> Any:
    if text in ("True", "False"):
        return text == "True"
    if not text:
        return float("nan")
    return int(text) if text.lstrip("-").isdecimal() else float(text)
