"""zowarmup inspect, export: look into any file of the results, and hand a model to others."""

import argparse
from pathlib import Path

from zowarmup.cli import show


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands and their arguments."""
    look = commands.add_parser("inspect", help="what a file or folder is and where it came from")
    look.add_argument("path", help="checkpoint, journal, federation, data set, selection or folder")
    show.as_json(look)
    look.set_defaults(command=inspect)

    give = commands.add_parser("export", help="write a model as a PyTorch state_dict")
    give.add_argument("checkpoint", help="a checkpoint, or the folder of a run")
    give.add_argument("output", nargs="?", help="by default named after the run and the round")
    give.add_argument("--force", action="store_true", help="overwrite the output if it is there")
    give.set_defaults(command=export)


def inspect(chosen: argparse.Namespace) -> None:
    """Print everything that the files tell."""
    from zowarmup.inspection.look.look import look
    from zowarmup.inspection.look.text import text

    show.say(look(Path(chosen.path)), text, chosen)


def export(chosen: argparse.Namespace) -> None:
    """Write the file."""
    from zowarmup import api
    from zowarmup.inspection import models, replay

    path = Path(chosen.checkpoint)
    output = chosen.output or f"{replay.name_of(models.latest(path))}.pt"
    api.export_state_dict(path, output, overwrite=chosen.force)
    print(f"wrote {output}")
