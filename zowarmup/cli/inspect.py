"""zowarmup inspect, export: look into a checkpoint, and hand it to others."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zowarmup.settings.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands and their arguments."""
    look = commands.add_parser("inspect", help="what a checkpoint holds, layer by layer")
    look.add_argument("path", help="a .safetensors file, or the folder of a run")
    look.add_argument("--round", type=int, help="rebuild this round of a run from its journal")
    look.set_defaults(command=inspect)

    give = commands.add_parser("export", help="write a checkpoint as a PyTorch state_dict")
    give.add_argument("checkpoint")
    give.add_argument("output")
    give.set_defaults(command=export)


def inspect(chosen: argparse.Namespace) -> None:
    """Print names, shapes and sizes of the parameters."""
    from zowarmup.simulation import checkpoint, rebuild

    path = Path(chosen.path)
    saved = checkpoint.load(path / "final.safetensors" if path.is_dir() else path)
    named, about = saved.named, saved.about
    if chosen.round is not None and not path.is_dir():
        raise UserError(f"--round: {path} is one model; give the folder of its run")
    if chosen.round is not None:
        named = rebuild.model_of(saved).named(rebuild.weights_at(path, chosen.round))
        about = about | {"round": chosen.round}
    print("  ".join(f"{key} {value}" for key, value in sorted(about.items())))
    for name, tensor in named.items():
        print(_line(name, tensor))
    print(f"{'all':32} {sum(t.numel() for t in named.values()):>14,}")
    if chosen.round is None:  # what the server kept beside the model, if anything
        for name, tensor in saved.server.items():
            print(_line(checkpoint.SERVER + name, tensor))


def export(chosen: argparse.Namespace) -> None:
    """Write the file."""
    from zowarmup import api

    api.export_state_dict(chosen.checkpoint, chosen.output)
    print(f"wrote {chosen.output}")


def _line(name: str, tensor: "Tensor") -> str:
    shape = "x".join(map(str, tensor.shape))
    return f"{name:32} {shape:>14}  rms {tensor.double().square().mean().sqrt().item():.6g}"
