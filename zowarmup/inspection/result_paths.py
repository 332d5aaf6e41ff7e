"""Where in a results folder a path lies, told by its name alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from zowarmup.plan.graph import ALONE, RULES

# Folders of a job that hold its checkpoints.
INNER, PHASE = ("snapshots", "state", "partial"), "phase-"


class Place(NamedTuple):
    """A job's folder: results/<config>/<kind>/<name>[/<part>].

    Attributes:
        root: results/<config>.
        kind: "runs", "warmups", "selections", "federations" or "datasets".
        part: the seed; "" where the kind has none.
    """

    root: Path
    kind: str
    name: str
    part: str
    folder: Path

    @property
    def rule(self) -> str:
        """The rule whose job writes there."""
        return RULES[self.kind]

    @property
    def log(self) -> Path:
        """What the job has said, where Snakemake ran it."""
        name = f"{self.name}/{self.part}" if self.part else self.name
        return self.root / "logs" / self.rule / f"{name}.log"


def place_of(path: Path) -> Place | None:
    """The job whose folder a path is or lies in; None outside of a results folder.

    Links are not followed: a snapshot out of a cache counts as lying where it is linked from.
    """
    parts = Path(os.path.abspath(path)).parts
    for i in reversed(range(1, len(parts))):
        depth = 1 if parts[i] in RULES and RULES[parts[i]] in ALONE else 2
        if parts[i] in RULES and len(parts) > i + depth:
            root, folder = Path(*parts[:i]), Path(*parts[: i + 1 + depth])
            part = parts[i + 2] if depth == 2 else ""
            return Place(root, parts[i], parts[i + 1], part, folder)
    return None


def home_of(file: Path) -> Path:
    """The folder whose record says where a checkpoint comes from."""
    folder = Path(os.path.abspath(file)).parent
    while folder.name in INNER or folder.name.startswith(PHASE):
        folder = folder.parent
    return folder


def places(root: Path) -> Iterator[Place]:
    """The folders of all jobs in results/<config>, whether they are finished or not."""
    for kind, rule in RULES.items():
        for folder in sorted((root / kind).glob("*" if rule in ALONE else "*/*")):
            if folder.is_dir() and not folder.name.startswith(".") and (place := place_of(folder)):
                yield place
