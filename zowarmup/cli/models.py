"""zowarmup inspect, compare, replay, evaluate, export: look into files and models."""

import argparse
from pathlib import Path

from zowarmup.cli.command import Commands, command
from zowarmup.inspection.facts import Facts, as_json, as_text

NAMED = ""  # the value of -o without FILE
MODEL = "a checkpoint, or the folder of a run"


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the commands and their arguments."""
    summary = "show what a file or folder is and where it came from"
    parser = command(commands, "inspect", inspect, summary, "--json")
    kinds = "checkpoint, journal, federation, data set, selection or folder"
    parser.add_argument("path", help=kinds)

    summary = "show two runs or checkpoints side by side"
    parser = command(commands, "compare", compare, summary, "--json")
    parser.add_argument("a", help="folder of a run or of a warm-up, or a checkpoint")
    parser.add_argument("b")

    summary = "rebuild the weights of any round of a run"
    parser = command(commands, "replay", replay, summary, "--force", "--json")
    parser.add_argument("run", help="folder of a run, finished or not")
    parser.add_argument("--round", type=int, help="by default the last round in the run's journal")
    output = "write a checkpoint; without FILE it is named after the run and the round"
    parser.add_argument("-o", "--output", nargs="?", const=NAMED, metavar="FILE", help=output)

    summary = "measure test accuracy, loss and recalls of a model"
    parser = command(commands, "evaluate", evaluate, summary, "--json")
    parser.add_argument("checkpoint", help=MODEL)
    parser.add_argument("--data", help="a dataset.npz; by default the run's own data set")

    summary = "write a model as a PyTorch state_dict"
    parser = command(commands, "export", export, summary, "--force")
    parser.add_argument("checkpoint", help=MODEL)
    parser.add_argument("output", nargs="?", help="by default named after the run and the round")


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
    """Print facts about the model, and write the model if -o is given."""
    from zowarmup.inspection import models
    from zowarmup.inspection.inspect import replay as rebuild

    model, facts = rebuild(Path(chosen.run), chosen.round)
    if chosen.output is not None:
        facts["wrote"] = chosen.output or f"{model.name}.safetensors"
        models.write(model, facts["wrote"], overwrite=chosen.force)
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
    models.export(model, output, overwrite=chosen.force)
    print(f"wrote {output}")
