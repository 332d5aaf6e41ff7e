"""A results folder: the job that a path belongs to, found from its name, and rows of metrics."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json, read_rows
from zowarmup.plan.graph import ALONE, RULES

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """A job's folder: results/<config>/<kind>/<name>[/<part>]."""

    root: Path  # results/<config>
    kind: str  # one of RULES
    name: str
    part: str  # the seed; "" where the kind has none

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.root / self.kind / self.name / self.part

    @property
    def rule(self) -> str:
        """The rule whose job writes to the folder."""
        return RULES[self.kind]


def place_of(path: Path) -> Place | None:
    """Return the job folder that a path is or lies in; None outside of a results folder."""
    parts = Path(os.path.abspath(path)).parts
    for i in reversed(range(1, len(parts))):
        depth = 1 if RULES.get(parts[i]) in ALONE else 2
        names = parts[i + 1 : i + 1 + depth]
        if parts[i] in RULES and len(names) == depth:
            return Place(Path(*parts[:i]), parts[i], names[0], "".join(names[1:]))
    return None


def home_of(file: Path) -> Path:
    """The folder of the job that wrote a checkpoint."""
    folder = Path(os.path.abspath(file)).parent
    while folder.name in ("snapshots", "state") or folder.name.startswith("phase-"):
        folder = folder.parent
    return folder


def places(root: Path) -> Iterator[Place]:
    """The folders of all jobs in results/<config>, finished or not."""
    for kind, rule in RULES.items():
        for folder in sorted((root / kind).glob("*" if rule in ALONE else "*/*")):
            if folder.is_dir() and not folder.name.startswith("."):
                names = folder.relative_to(root / kind).parts
                yield Place(root, kind, names[0], "".join(names[1:]))


def rows_of(folder: Path) -> list[Row]:
    """Return all rows of a run or a warm-up in order; an unfinished warm-up has its saved rows.

    Raises:
        UserError: the file is damaged.
    """
    if (file := folder / "metrics.csv").is_file():
        with reading(file):
            return [{key: _number(text) for key, text in row.items()} for row in read_rows(file)]
    state = folder / "state" / "state.json"
    return list(read_json(state)["rows"]) if state.is_file() else []


def row_at(folder: Path, t: int) -> Row | None:
    """Return the row of round t, or the last row of a warm-up that diverged before t, or None."""
    rows = [row for row in rows_of(folder) if row["round"] <= t]
    return rows[-1] if rows and (rows[-1]["round"] == t or rows[-1]["diverged"]) else None


def _number(text: str) -> bool | int | float:
    if text in ("True", "False"):
        return text == "True"
    return int(text) if text.lstrip("-").isdecimal() else float(text or "nan")
