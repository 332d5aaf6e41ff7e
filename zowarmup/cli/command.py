"""A command of `zowarmup`, and the options without a value that it may have."""

import argparse
from collections.abc import Callable

Commands = argparse._SubParsersAction  # argparse has no other name for what holds commands

FLAGS = {
    "--json": "all of it, for programs",
    "--force": "overwrite the file if it is there",
    "--list": "name the warm-ups, choices and runs",
    "--no-calibration": "run nothing: no times of this machine",
    "--watch": "look again and again until Ctrl-C",
    "--once": "look once, in a terminal too",
    "--deep": "evaluate the final models again, too",
    "--dry-run": "remove nothing, say what would be",
    "--orphans": "remove runs, too, that the config does not name",
}


def command(
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    summary: str,
    *flags: str,
) -> argparse.ArgumentParser:
    """Add a command, with some of FLAGS; further arguments are added to what is returned.

    Args:
        run: carries the command out; returns its exit status, None for 0.
    """
    parser = commands.add_parser(name, help=summary)
    for flag in flags:
        parser.add_argument(flag, action="store_true", help=FLAGS[flag])
    parser.set_defaults(command=run)
    return parser
