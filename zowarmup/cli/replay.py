"""zowarmup replay, evaluate: any round's weights, and what a model is worth."""

import argparse
from pathlib import Path

from zowarmup.cli import show
from zowarmup.common import preflight

NAMED = ""  # what -o alone stands for


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The commands and their arguments."""
    again = commands.add_parser("replay", help="rebuild the weights of any round of a run")
    again.add_argument("run", help="folder of a run, finished or not")
    again.add_argument("--round", type=int, help="by default the last that its journal has")
    again.add_argument(
        "-o",
        "--output",
        nargs="?",
        const=NAMED,
        metavar="FILE",
        help="write a checkpoint; without FILE it is named after the run and the round",
    )
    again.add_argument("--force", action="store_true", help="overwrite FILE if it is there")
    show.as_json(again)
    again.set_defaults(command=replay)

    rate = commands.add_parser("evaluate", help="test accuracy, loss and recalls of a model")
    rate.add_argument("checkpoint", help="a checkpoint, or the folder of a run")
    rate.add_argument("--data", help="a dataset.npz; by default that of the run beside it")
    show.as_json(rate)
    rate.set_defaults(command=evaluate)


def replay(chosen: argparse.Namespace) -> None:
    """Print the norms of the model, and write it where that is asked for."""
    preflight.check_code()
    from zowarmup.inspection import replay as replays
    from zowarmup.inspection.look.text import text

    model, facts = replays.replay(Path(chosen.run), chosen.round, show.bar)
    if chosen.output is not None:
        output = chosen.output or f"{replays.name_of(model)}.safetensors"
        facts["wrote"] = str(replays.write(model, output, overwrite=chosen.force))
    show.say(facts, text, chosen)


def evaluate(chosen: argparse.Namespace) -> None:
    """Print the measurements."""
    preflight.check_code()
    from zowarmup.inspection.evaluate import score
    from zowarmup.inspection.look.text import text

    data = Path(chosen.data) if chosen.data else None
    show.say(score(Path(chosen.checkpoint), data), text, chosen)
