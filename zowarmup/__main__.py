"""The command line: look at what a config will run, run part of it, look into results."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zowarmup import __version__
from zowarmup.settings.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `zowarmup`; returns the exit status."""
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        chosen.command(chosen)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except UserError as error:
        print(f"zowarmup: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="zowarmup", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    plan = commands.add_parser("plan", help="list what a config will run")
    plan.add_argument("config", nargs="?", default="config/config.yaml")
    plan.set_defaults(command=_plan)

    run = commands.add_parser("run", help="run part of a config in this process, no Snakemake")
    run.add_argument("config")
    run.add_argument("--run", action="append", help="name of a run; all by default")
    run.add_argument("--seed", action="append", type=int, help="all by default")
    run.add_argument("--results", default="results", help="folder to write below")
    run.set_defaults(command=_run)

    look = commands.add_parser("inspect", help="what a checkpoint holds, layer by layer")
    look.add_argument("path", help="a .safetensors file, or the folder of a run")
    look.add_argument("--round", type=int, help="rebuild this round of a run from its journal")
    look.set_defaults(command=_inspect)

    export = commands.add_parser("export", help="write a checkpoint as a PyTorch state_dict")
    export.add_argument("checkpoint")
    export.add_argument("output")
    export.set_defaults(command=_export)
    return parser


def _plan(chosen: argparse.Namespace) -> None:
    from zowarmup.settings.plan import plan

    made = plan([chosen.config])
    for title, names in (("warm-ups", made.warmups), ("selections", made.selections)):
        print(f"{len(names)} {title}: {', '.join(names)}")
    print(f"{len(made.runs)} runs:")
    for name in made.runs:
        studies = dict.fromkeys(cell.study for cell in made.cells if cell.run == name)
        print(f"  {name:32} seeds {made.seeds_of(name)}  {', '.join(studies)}")


def _run(chosen: argparse.Namespace) -> None:
    from zowarmup import api

    rows = api.run_config(chosen.config, runs=chosen.run, seeds=chosen.seed, results=chosen.results)
    last = rows.sort_values("round").groupby(["run", "split", "seed"], as_index=False).tail(1)
    print(
        last[["run", "split", "seed", "round", "test_accuracy", "test_loss"]].to_string(index=False)
    )


def _inspect(chosen: argparse.Namespace) -> None:
    from pathlib import Path

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


def _line(name: str, tensor: "Tensor") -> str:
    shape = "x".join(map(str, tensor.shape))
    return f"{name:32} {shape:>14}  rms {tensor.double().square().mean().sqrt().item():.6g}"


def _export(chosen: argparse.Namespace) -> None:
    from zowarmup import api

    api.export_state_dict(chosen.checkpoint, chosen.output)
    print(f"wrote {chosen.output}")


if __name__ == "__main__":
    sys.exit(main())
