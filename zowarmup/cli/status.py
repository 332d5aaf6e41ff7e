"""zowarmup status: how far every job of a config or a results folder is."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from zowarmup.cli import show
from zowarmup.cli.plan import DEFAULT
from zowarmup.common import user_paths
from zowarmup.common.errors import UserError

EVERY = 2.0  # seconds between two looks; jobs say how far they are as often


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """The command and its arguments."""
    parser = commands.add_parser("status", help="which jobs are done, running, failed, waiting")
    parser.add_argument(
        "path", nargs="?", default=DEFAULT, help=f"a config or results/<name>; {DEFAULT} by default"
    )
    parser.add_argument("--results", default="results", help="folder that holds a config's results")
    parser.add_argument("--watch", action="store_true", help="look again and again until Ctrl-C")
    parser.add_argument("--once", action="store_true", help="look once, in a terminal too")
    show.as_json(parser)
    parser.set_defaults(command=status)


def status(chosen: argparse.Namespace) -> None:
    """Print the jobs; in a terminal live, as long as one is running."""
    from zowarmup.inspection.status import text

    jobs = _jobs(chosen)
    terminal = sys.stdout.isatty() and not chosen.json
    going = any(job["state"] == "running" for job in jobs)
    if chosen.watch or (terminal and going and not chosen.once):
        _watch(chosen, terminal)
    elif terminal:
        text.show(jobs)
    else:
        show.say(jobs, text.text, chosen)


def _watch(chosen: argparse.Namespace, terminal: bool) -> None:
    """Until all is done or the user has seen enough."""
    from zowarmup.inspection.status import text

    try:
        if terminal:
            text.live(lambda: _jobs(chosen), EVERY, ends=not chosen.watch)
            return
        while True:
            show.say(_jobs(chosen), text.text, chosen)
            sys.stdout.flush()
            time.sleep(EVERY)
    except KeyboardInterrupt:
        return


def _jobs(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    from zowarmup.inspection.status import jobs as states
    from zowarmup.plan.plan import plan

    path = Path(chosen.path)
    if path.is_dir():
        if not any((path / kind).is_dir() for kind in states.KINDS):
            raise UserError(f"{path}: no folder of results; give results/<name> or a config")
        return states.jobs_of(path)
    results = user_paths.folder(chosen.results, "--results")
    return states.jobs_of_plan(plan([str(path)]), str(results))
