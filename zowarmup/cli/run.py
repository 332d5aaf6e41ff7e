"""zowarmup run: part of a config in this process."""

import argparse


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("run", help="run part of a config in this process, no Snakemake")
    parser.add_argument("config")
    parser.add_argument("--run", action="append", help="name of a run; all by default")
    parser.add_argument("--seed", action="append", type=int, help="all by default")
    parser.add_argument("--results", default="results", help="folder to write below")
    parser.set_defaults(command=run)


def run(chosen: argparse.Namespace) -> None:
    """Print the last row of each run."""
    from zowarmup import api

    rows = api.run_config(chosen.config, runs=chosen.run, seeds=chosen.seed, results=chosen.results)
    last = rows.sort_values("round").groupby(["run", "split", "seed"], as_index=False).tail(1)
    print(
        last[["run", "split", "seed", "round", "test_accuracy", "test_loss"]].to_string(index=False)
    )
