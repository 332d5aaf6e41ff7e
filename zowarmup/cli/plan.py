"""zowarmup plan: what a config will run and what that will cost."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence

from zowarmup.common.errors import UserError
from zowarmup.plan.plan import Plan, plan

DEFAULT = "config/config.yaml"


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("plan", help="what a config will run, and what it will cost")
    parser.add_argument("config", nargs="*", default=[DEFAULT], help=f"by default {DEFAULT}")
    parser.add_argument("--list", action="store_true", help="name the warm-ups, choices and runs")
    parser.add_argument("--cores", type=_count, help="jobs at once here; all cores by default")
    parser.add_argument("--devices", type=_count, default=1, help="of a data sheet, 1 by default")
    parser.add_argument(
        "--no-calibration", action="store_true", help="run nothing: no times of this machine"
    )
    parser.add_argument(
        "--size",
        action="append",
        default=[],
        metavar="NAME=TRAIN,TEST,CHANNELS,HEIGHT,WIDTH,CLASSES",
        help="of a data set whose file is not here",
    )
    parser.add_argument("--json", action="store_true", help="all numbers, for programs")
    parser.set_defaults(command=show)


def show(chosen: argparse.Namespace) -> None:
    """Print the list or the forecast of each config."""
    plans = [plan([config]) for config in chosen.config]
    if chosen.list:
        for made in plans:
            _list(made)
        return
    from zowarmup.forecast import sizes, text
    from zowarmup.forecast.forecast import forecast

    given = dict(map(sizes.parse_size, chosen.size))
    _check(given, plans)
    cores = chosen.cores or os.cpu_count() or 1
    say = None if chosen.no_calibration else _say
    found = [forecast(made, given, cores, chosen.devices, say) for made in plans]
    _say("")
    if chosen.json:
        print(json.dumps(found, indent=1))
    else:
        print("\n\n".join(map(text.text, found)))


def _check(given: Iterable[str], plans: Sequence[Plan]) -> None:
    known = {name for made in plans for name in made.config.datasets}
    for name in given:
        if name not in known:
            raise UserError(
                f"--size: {name}: no such data set; there is {', '.join(sorted(known))}"
            )


def _list(made: Plan) -> None:
    for title, names in (("warm-ups", made.warmups), ("selections", made.selections)):
        print(f"{len(names)} {title}: {', '.join(names)}")
    print(f"{len(made.runs)} runs:")
    for name in made.runs:
        studies = dict.fromkeys(cell.study for cell in made.cells if cell.run == name)
        print(f"  {name:32} seeds {made.seeds_of(name)}  {', '.join(studies)}")


def _say(progress: str) -> None:
    """In one line of a terminal, over what was said before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress and f'measuring: {progress}'}", end="", file=sys.stderr)


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word} is no number from 1 on")
    return int(word)
