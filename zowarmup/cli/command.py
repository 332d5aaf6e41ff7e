"""Add a command to `zowarmup`, with options that take no value."""

import argparse
from collections.abc import Callable

Commands = argparse._SubParsersAction  # argparse has no public name for it

FLAGS = {
    "--json": "print everything as JSON",
    "--force": "overwrite the file if it exists",
    "--list": "list the warm-ups, selections and runs",
    "--no-calibration": "run nothing, so print no times for this machine",
    "--watch": "print again and again until Ctrl-C",
    "--once": "print once, even in a terminal",
    "--deep": "also evaluate the final models again",
    "--dry-run": "remove nothing; print what would be removed",
    "--orphans": "also remove runs that the config does not name",
}


def command(
    commands: "Commands[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    summary: str,
    *flags: str,
) -> argparse.ArgumentParser:
    """Add a command with some of FLAGS, and return its parser for further arguments.

    Args:
        run: carries out the command and returns the exit status, or None for 0.
    """
    parser = commands.add_parser(name, help=summary)
    for flag in flags:
        parser.add_argument(flag, action="store_true", help=FLAGS[flag])
    parser.set_defaults(command=run)
    return parser
