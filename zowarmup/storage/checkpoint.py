"""Checkpoints: named tensors that any tool can open, equal states being equal bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_bytes
from zowarmup.config import registry
from zowarmup.models.flat import FlatModel

FORMAT = "zowarmup-checkpoint-1"
SERVER = "server/"  # before the names of what is no parameter of the network
LARGEST, WIDEST = 1 << 16, 1024  # classes or pixels of a row, multiple of a network's channels


class CheckpointError(UserError):
    """A checkpoint that cannot be used; the message names the file and the fix."""


@dataclass(frozen=True)
class Checkpoint:
    """A model at one round.

    Attributes:
        named: parameters by name, in the order of the flat vector.
        about: model, image shape, classes and round.
        server: what the server keeps beside the model in that phase, by name.
    """

    named: dict[str, Tensor]
    about: dict[str, Any]
    server: dict[str, Tensor]


def save(path: Path | str, model: FlatModel, state: State, about: dict[str, Any]) -> None:
    """Write a state as named tensors, all or nothing; one sorted metadata key keeps bytes equal."""
    views = model.named(state.w.detach()) | {SERVER + k: v for k, v in state.server.items()}
    named = {name: view.cpu().contiguous() for name, view in views.items()}
    facts = {"format": FORMAT, "names": model.names, **about}
    metadata = {"zowarmup": json.dumps(facts, sort_keys=True, separators=(",", ":"))}
    atomic_write_bytes(path, serialize(named, metadata))


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: the file is missing, truncated, or not a checkpoint of this project.
        UserError: it was changed.
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
                    f"{path}: holds {strange[0]}, which this project does not write"
                )
            server = {name.removeprefix(SERVER): file.get_tensor(name) for name in sorted(kept)}
    except FileNotFoundError:
        raise CheckpointError(
            f"{path}: no such checkpoint; run Snakemake, which creates it"
        ) from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise CheckpointError(
            f"{path}: cannot be read ({error}); if it is a snapshot delete its folder, else "
            "delete it, and Snakemake recreates it"
        ) from None
    metadata.pop("format")
    _check(metadata)
    return Checkpoint(named, metadata, server)


def _check(about: Mapping[str, Any]) -> None:
    """Check that the network of a checkpoint can be built, in the memory of a machine.

    Raises:
        ValueError: names the first fact that is wrong.
    """
    sizes = [*about["shape"], about["classes"]]
    if about["model"] not in registry.NETWORKS:
        raise ValueError(f"there is no network {str(about['model'])[:20]}")
    if len(sizes) != 4 or not all(type(n) is int and 0 < n <= LARGEST for n in sizes):
        raise ValueError("shape and classes are not the sizes of images")
    if type(about["width"]) not in (int, float) or not 0 < about["width"] <= WIDEST:
        raise ValueError(f"width is not a number above 0, at most {WIDEST}")
    if type(about["round"]) is not int or about["round"] < 0:
        raise ValueError("round is not an integer from 0 on")


def weights(path: Path | str, model: FlatModel) -> Tensor:
    """The flat vector of a checkpoint for this network, (d,) float32.

    Raises:
        CheckpointError: unreadable, or of another network.
    """
    try:
        return model.flatten(load(path).named)
    except UserError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}; it is of another network") from None


def snapshot(folder: Path | str, t: int) -> Path:
    """The file of the model after round t; round 0 is the initialisation."""
    return Path(folder) / f"round-{t:06d}.safetensors"
