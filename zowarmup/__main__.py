"""The command line: look at what a config will run, run part of it, look into results."""

import argparse
import io
import logging
import os
import sys
from collections.abc import Sequence

from zowarmup import __version__
from zowarmup.cli import models, plan, results
from zowarmup.common import preflight
from zowarmup.common.signals import Stopped
from zowarmup.common.user_code import explained

# Commands that change nothing; the others refuse to run other code than that of their checkout.
LOOKING = ("plan", "status", "inspect", "export", "compare")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of `zowarmup`; returns the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # in the C locale it cannot write a minus sign
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(prog="zowarmup", description=__doc__)
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="name")
    for module in (plan, results, models):
        module.add(commands)
    chosen = parser.parse_args(arguments)
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    try:
        if chosen.name not in LOOKING:
            preflight.check_code()
        elif fault := preflight.warning():
            print(f"zowarmup: warning: {fault}", file=sys.stderr)
        status: int = chosen.command(chosen) or 0
        print(end="", flush=True)  # a full disk or a closed pipe is an error while it can be said
        return status
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _drop_unprinted()
    except Stopped as stop:
        print(f"zowarmup: {stop}; run it again to resume", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("zowarmup: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        sentence = explained(error)
        if sentence is None:
            raise
        print(f"zowarmup: {sentence}", file=sys.stderr)
        _drop_unprinted()
        return 2
    return 0


def _drop_unprinted() -> None:
    """Drop the output that could not be printed, which Python would try again at its end."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
