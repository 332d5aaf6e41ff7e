"""zowarmup compare: two runs or checkpoints side by side."""

import argparse
from pathlib import Path

from zowarmup.cli import show


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("compare", help="two runs or checkpoints side by side")
    parser.add_argument("a", help="folder of a run or of a warm-up, or a checkpoint")
    parser.add_argument("b")
    show.as_json(parser)
    parser.set_defaults(command=compare)


def compare(chosen: argparse.Namespace) -> None:
    """Print what differs."""
    from zowarmup.inspection import compare as comparison

    made = comparison.compare(Path(chosen.a), Path(chosen.b), show.bar)
    show.say(made, comparison.text, chosen)
