"""Checkpoints: files of named tensors that other tools can open; equal states give equal bytes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_bytes
from zowarmup.config import registry
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import NetworkSpec, Round
from zowarmup.plan.value import Value

FORMAT = "zowarmup-checkpoint-1"
SERVER = "server/"  # before the names of tensors that are not parameters of the network
LARGEST, WIDEST = 1 << 16, 1024  # most classes or pixels of a row; largest `width`


class CheckpointError(UserError):
    """A checkpoint that cannot be used; the message names the file and the fix."""


Size = Annotated[int, Field(gt=0, le=LARGEST)]


class About(Value):
    """The facts in a checkpoint, enough to build the network again; sizes are limited.

    Attributes:
        model: the name of the network.
        network: where a network of the user's own comes from, None for a built-in one.
        width: multiple of the network's channels.
        shape: (C, H, W) of an image; of an example of other data 1 to 4 sizes.
        round: the round after which the model was saved.
    """

    model: str
    network: NetworkSpec | None = None
    width: Annotated[float, Field(gt=0, le=WIDEST)]
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=4)]
    classes: Size
    round: Round

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.network is None and self.model not in registry.NETWORKS:
            raise ValueError(f"there is no network {self.model[:20]}")
        return self


@dataclass(frozen=True)
class Checkpoint:
    """A model at one round.

    Attributes:
        named: parameters by name, in the order of the flat vector.
        server: the tensors that the server keeps beside the model in that phase, by name.
    """

    named: dict[str, Tensor]
    about: About
    server: dict[str, Tensor]


def save(path: Path | str, model: FlatModel, state: State, about: About) -> None:
    """Write a state as named tensors, all or nothing; one sorted metadata key keeps bytes equal."""
    views = model.named(state.w.detach()) | {SERVER + k: v for k, v in state.server.items()}
    named = {name: view.cpu().contiguous() for name, view in views.items()}
    facts = {"format": FORMAT, "names": model.names, **about.model_dump(mode="json")}
    metadata = {"zowarmup": json.dumps(facts, sort_keys=True, separators=(",", ":"))}
    atomic_write_bytes(path, serialize(named, metadata))


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: the file is missing, truncated, or not a checkpoint of this project.
        UserError: the file was changed.
    """
    with reading(path):
        return _load(path)


def _load(path: Path | str) -> Checkpoint:
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("zowarmup", "{}"))
            if metadata.get("format") != FORMAT:
                raise CheckpointError(
                    f"{path}: not a checkpoint of this project; give another file"
                )
            named = {name: file.get_tensor(name) for name in metadata.pop("names")}
            kept = set(file.keys()) - set(named)
            if strange := sorted(name for name in kept if not name.startswith(SERVER)):
                raise CheckpointError(
                    f"{path}: holds {strange[0]}, unknown to this project; give another file"
                )
            server = {name.removeprefix(SERVER): file.get_tensor(name) for name in sorted(kept)}
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: no such checkpoint; run Snakemake, which creates it"
        ) from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}); delete the file (for a snapshot, its whole "
            "folder), and Snakemake recreates it"
        ) from None
    metadata.pop("format")
    return Checkpoint(named, About.read(metadata), server)


def weights(path: Path | str, model: FlatModel) -> Tensor:
    """The flat vector of a checkpoint for this network, (d,) float32.

    Raises:
        CheckpointError: the file is unreadable, or the checkpoint is of another network.
    """
    try:
        return model.flatten(load(path).named)
    except UserError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; the checkpoint is of another network") from None


def snapshot(folder: Path | str, t: int) -> Path:
    """The file of the model after round t; round 0 is the initialisation."""
    return Path(folder) / f"round-{t:06d}.safetensors"
