"""Where in a results folder a path lies, by its name alone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zowarmup.plan.graph import ALONE, RULES

# Folders of a job that hold its checkpoints.
INNER, PHASE = ("snapshots", "state"), "phase-"


@dataclass(frozen=True)
class Place:
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

    @property
    def folder(self) -> Path:
        """The folder itself."""
        return self.root / self.kind / self.name / self.part

    @property
    def rule(self) -> str:
        """The rule whose job writes there."""
        return RULES[self.kind]

    @property
    def log(self) -> Path:
        """The log of the job, where Snakemake ran it."""
        name = f"{self.name}/{self.part}" if self.part else self.name
        return self.root / "logs" / self.rule / f"{name}.log"


def place_of(path: Path) -> Place | None:
    """The job whose folder a path is or lies in; None outside of a results folder."""
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
    while folder.name in INNER or folder.name.startswith(PHASE):
        folder = folder.parent
    return folder


def places(root: Path) -> Iterator[Place]:
    """The folders of all jobs in results/<config>, finished or not."""
    for kind, rule in RULES.items():
        for folder in sorted((root / kind).glob("*" if rule in ALONE else "*/*")):
            if folder.is_dir() and not folder.name.startswith("."):
                names = folder.relative_to(root / kind).parts
                yield Place(root, kind, names[0], "".join(names[1:]))
