"""The roster of a run: its nodes, fixed when it starts and kept in a file for when it resumes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_text, read_json
from zowarmup.flower.messages import Identity
from zowarmup.plan.specs import Tier, Value

FILE = "nodes.json"


class Roster(Value):
    """The nodes of a run, client 0 first.

    Attributes:
        job: fingerprint of the run.
        images: number of training images of each client.
        tiers: whether it is high- or low-resource.
        shape, classes: of everybody's data.
    """

    job: str
    images: Annotated[tuple[int, ...], Field(min_length=1)]
    tiers: tuple[Literal["high", "low"], ...]
    shape: tuple[int, ...]
    classes: int

    @property
    def by_tier(self) -> dict[Tier, tuple[int, ...]]:
        """The clients that "all", "high" and "low" stand for."""
        everyone = range(len(self.images))
        return {
            "all": tuple(everyone),
            "high": tuple(i for i in everyone if self.tiers[i] == "high"),
            "low": tuple(i for i in everyone if self.tiers[i] == "low"),
        }


def of(job: str, nodes: Mapping[int, Identity]) -> Roster:
    """Return the roster of the nodes 0..K-1.

    Raises:
        UserError: the data of two nodes do not go together.
    """
    first = nodes[0]
    for client, node in sorted(nodes.items()):
        for name in ("shape", "classes", "scaling"):
            if (own := getattr(node, name)) != (other := getattr(first, name)):
                raise UserError(
                    f"client {client} has data of {name} {own}, but client 0 of {other}; all nodes "
                    "must have equally shaped and equally scaled data"
                )
    ordered = [nodes[i] for i in range(len(nodes))]
    return Roster(
        job=job,
        images=tuple(node.images for node in ordered),
        tiers=tuple("high" if node.high else "low" for node in ordered),
        shape=tuple(first.shape),
        classes=first.classes,
    )


def read(folder: Path, job: str) -> Roster | None:
    """Return the roster that an interrupted server left; None for none, or one of another job."""
    if not (file := folder / FILE).is_file():
        return None
    with reading(file):
        kept = Roster.read(read_json(file))
    return kept if kept.job == job else None


def write(folder: Path, roster: Roster) -> None:
    """Keep the roster in a server's folder."""
    text = json.dumps(roster.model_dump(mode="json"), indent=1, sort_keys=True)
    atomic_write_text(folder / FILE, text + "\n")
