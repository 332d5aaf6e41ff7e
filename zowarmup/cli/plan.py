"""zowarmup plan: what a config will run and what that will cost."""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from zowarmup.cli.command import Commands, command
from zowarmup.common.errors import UserError
from zowarmup.plan.plan import Plan, plan

if TYPE_CHECKING:
    from zowarmup.forecast.sizes import Size

DEFAULT = "config/config.yaml"
SIZE = "NAME=TRAIN,TEST,CHANNELS,HEIGHT,WIDTH,CLASSES"


def add(commands: "Commands[argparse.ArgumentParser]") -> None:
    """Add the command and its arguments."""
    summary = "what a config will run, and what it will cost"
    parser = command(commands, "plan", show, summary, "--list", "--no-calibration", "--json")
    parser.add_argument("config", nargs="*", default=[DEFAULT], help=f"by default {DEFAULT}")
    cores = os.cpu_count() or 1
    parser.add_argument("--cores", type=_count, default=cores, help="jobs at once; all by default")
    parser.add_argument("--devices", type=_count, default=1, help="of a data sheet, 1 by default")
    size = "size of a data set whose file is missing"
    parser.add_argument("--size", action="append", default=[], metavar=SIZE, help=size)


def show(chosen: argparse.Namespace) -> None:
    """Print the list or the forecast of each config."""
    plans = [plan([config]) for config in chosen.config]
    if chosen.list:
        for one in plans:
            _list(one)
        return
    from zowarmup.forecast.forecast import forecast
    from zowarmup.forecast.text import text

    given = dict(map(parse_size, chosen.size))
    names = sorted({name for one in plans for name in one.config.datasets})
    for name in given:
        if name not in names:
            use = ", ".join(names)
            raise UserError(f"--size: {name}: the config has no such data set: use {use}")
    results = None if chosen.no_calibration else Path("results")
    forecasts = [forecast(one, given, chosen.cores, chosen.devices, results) for one in plans]
    if chosen.json:
        print(json.dumps([one.to_json() for one in forecasts], indent=1))
    else:
        print("\n\n".join(map(text, forecasts)))


def parse_size(words: str) -> tuple[str, "Size"]:
    """Return the name and size of a data set from an argument.

    Raises:
        UserError: the argument has another form than SIZE, or a number below 1.
    """
    from zowarmup.forecast.sizes import Size

    name, _, numbers = words.partition("=")
    try:
        train, test, channels, height, width, classes = map(int, numbers.split(","))
    except ValueError:
        train = 0
    if train < 1 or min(test, channels, height, width, classes) < 1:
        raise UserError(f"--size: {words}: give {SIZE}, each number 1 or more")
    return name, Size((channels, height, width), classes, train, test)


def _list(one: Plan) -> None:
    for title, names in (("warm-ups", one.warmups), ("selections", one.selections)):
        print(f"{len(names)} {title}: {', '.join(names)}")
    print(f"{len(one.runs)} runs:")
    for name in one.runs:
        studies = dict.fromkeys(cell.study for cell in one.cells if cell.run == name)
        print(f"  {name:32} seeds {one.seeds_of(name)}  {', '.join(studies)}")


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is no number: give 1 or more")
    return int(word)
