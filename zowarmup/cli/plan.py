"""zowarmup plan: what a config will run and what that will cost."""

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from zowarmup.cli.command import Commands, command
from zowarmup.plan.plan import Plan, plan

DEFAULT = "config/config.yaml"


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command and its arguments."""
    summary = "what a config will run, and what it will cost"
    parser = command(commands, "plan", show, summary, "--list", "--no-calibration", "--json")
    parser.add_argument("config", nargs="*", default=[DEFAULT], help=f"by default {DEFAULT}")
    cores = os.cpu_count() or 1
    parser.add_argument("--cores", type=_count, default=cores, help="jobs at once; all by default")
    parser.add_argument("--devices", type=_count, default=1, help="of a data sheet; default: 1")


def show(chosen: argparse.Namespace) -> None:
    """Print the list or the forecast of each config."""
    plans = [plan([config]) for config in chosen.config]
    if chosen.list:
        for one in plans:
            _list(one)
        return
    from zowarmup.forecast.forecast import forecast, text

    results = None if chosen.no_calibration else Path("results")
    forecasts = [forecast(one, chosen.cores, chosen.devices, results) for one in plans]
    if chosen.json:
        print(json.dumps(list(map(asdict, forecasts)), indent=1))
    else:
        print("\n\n".join(map(text, forecasts)))


def _list(one: Plan) -> None:
    for title, names in (("warm-ups", one.warmups), ("selections", one.selections)):
        print(f"{len(names)} {title}: {', '.join(names)}")
    print(f"{len(one.runs)} runs:")
    for name in one.runs:
        studies = dict.fromkeys(cell.study for cell in one.cells if cell.run == name)
        print(f"  {name:32} seeds {one.seeds_of(name)}  {', '.join(studies)}")


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is not a whole number above 0: give 1 or more")
    return int(word)
