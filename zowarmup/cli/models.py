"""zowarmup inspect, compare, replay, evaluate, export: look into files and models."""

import argparse
from pathlib import Path

from zowarmup.inspection.facts import Facts, as_json, as_text

NAMED = ""  # the value of -o alone


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands and their arguments."""
    parser = commands.add_parser("inspect", help="what a file or folder is and where it came from")
    parser.add_argument(
        "path", help="checkpoint, journal, federation, data set, selection or folder"
    )
    _takes_json(parser)
    parser.set_defaults(command=inspect)

    parser = commands.add_parser("compare", help="two runs or checkpoints side by side")
    parser.add_argument("a", help="folder of a run or of a warm-up, or a checkpoint")
    parser.add_argument("b")
    _takes_json(parser)
    parser.set_defaults(command=compare)

    parser = commands.add_parser("replay", help="rebuild the weights of any round of a run")
    parser.add_argument("run", help="folder of a run, finished or not")
    parser.add_argument("--round", type=int, help="by default the last that its journal has")
    parser.add_argument(
        "-o",
        "--output",
        nargs="?",
        const=NAMED,
        metavar="FILE",
        help="write a checkpoint; without FILE it is named after the run and the round",
    )
    parser.add_argument("--force", action="store_true", help="overwrite FILE if it is there")
    _takes_json(parser)
    parser.set_defaults(command=replay)

    parser = commands.add_parser("evaluate", help="test accuracy, loss and recalls of a model")
    parser.add_argument("checkpoint", help="a checkpoint, or the folder of a run")
    parser.add_argument("--data", help="a dataset.npz; by default that of the run beside it")
    _takes_json(parser)
    parser.set_defaults(command=evaluate)

    parser = commands.add_parser("export", help="write a model as a PyTorch state_dict")
    parser.add_argument("checkpoint", help="a checkpoint, or the folder of a run")
    parser.add_argument("output", nargs="?", help="by default named after the run and the round")
    parser.add_argument("--force", action="store_true", help="overwrite the output if it is there")
    parser.set_defaults(command=export)


def _takes_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="all of it, for programs")


def _print(facts: Facts, chosen: argparse.Namespace) -> None:
    print(as_json(facts) if chosen.json else as_text(facts))


def inspect(chosen: argparse.Namespace) -> None:
    """Print all facts that the files hold."""
    from zowarmup.inspection import inspect as inspection

    _print(inspection.inspect(chosen.path), chosen)


def compare(chosen: argparse.Namespace) -> None:
    """Print the differences."""
    from zowarmup.inspection import compare as comparison

    facts = comparison.compare(chosen.a, chosen.b)
    if not (facts["settings"] or chosen.json):
        facts["settings"] = "no setting differs"
    _print(facts, chosen)


def replay(chosen: argparse.Namespace) -> None:
    """Print facts about the model, and write it where that is asked for."""
    from zowarmup.inspection import models
    from zowarmup.inspection.inspect_training import replay as rebuild

    model, facts = rebuild(Path(chosen.run), chosen.round)
    if chosen.output is not None:
        output = chosen.output or f"{model.name}.safetensors"
        models.write(model, models.writable(output, overwrite=chosen.force))
        facts["wrote"] = output
    _print(facts, chosen)


def evaluate(chosen: argparse.Namespace) -> None:
    """Print the measurements."""
    from zowarmup.inspection import evaluate as evaluation

    _print(evaluation.evaluate(chosen.checkpoint, chosen.data), chosen)


def export(chosen: argparse.Namespace) -> None:
    """Write the file and print its name."""
    from zowarmup.inspection import models

    model = models.latest(Path(chosen.checkpoint))
    output = chosen.output or f"{model.name}.pt"
    models.export(model, models.writable(output, overwrite=chosen.force))
    print(f"wrote {output}")
