"""The jobs of a results folder as a table: plain in a pipe, coloured and live in a terminal."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zowarmup.inspection.job_status import RUNNING, STATES, JobStatus

COLOURS = dict(zip(STATES, ("bold red", "cyan", "magenta", "dim", "green"), strict=True))
NUMBERS = ("round", "accuracy", "loss", "left")
AROUND = 5  # lines of a live view that show no job
WIDE = 10_000  # columns of a pipe: nothing is cut short


def text(jobs: Sequence[JobStatus], *, terminal: bool = False) -> str:
    """Return a table of all jobs and their number in each state, in colours for a terminal."""
    console = Console() if terminal else Console(width=WIDE, color_system=None)
    with console.capture() as capture:
        console.print(table(jobs, len(jobs)))
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def live(look: Callable[[], Sequence[JobStatus]], every: float, *, ends: bool) -> None:
    """Show the jobs every few seconds until Ctrl-C or, with `ends`, until no job is running."""
    console = Console()
    with Live(console=console, auto_refresh=False) as view:
        while True:
            jobs = look()
            view.update(table(jobs, max(console.height - AROUND, 1)), refresh=True)
            if ends and not any(job.state == RUNNING for job in jobs):
                return
            time.sleep(every)


def table(jobs: Sequence[JobStatus], room: int) -> Group:
    """Return `room` lines of jobs and the number of other jobs; only notes are cut short."""
    rows = list(map(_cells, jobs))
    columns = [name for name in _cells(jobs[0]) if any(row[name] for row in rows)] if jobs else []
    grid = Table(box=None, pad_edge=False)
    for name in columns:
        number = name in NUMBERS
        grid.add_column(name, justify="right" if number else "left", no_wrap=name != "note")
    for row, job in zip(rows[:room], jobs, strict=False):
        cells = (Text(row[name], no_wrap=True, overflow="ellipsis") for name in columns)
        grid.add_row(*cells, style=COLOURS[job.state])
    hidden = f"and {len(jobs) - room} more; " if len(jobs) > room else ""
    counts = Counter(job.state for job in jobs)
    parts = [f"{counts[state]} {state}" for state in STATES[::-1] if counts[state]]
    return Group(grid, Text(hidden + (", ".join(parts) or "no jobs")))


def _cells(job: JobStatus) -> dict[str, str]:
    """Return the texts of a job's row, by column."""
    left = job.seconds_left
    return {
        "state": job.state,
        "what": job.what,
        "name": job.name,
        "seed": job.seed,
        "round": "/".join(str(number) for number in (job.round, job.of) if number is not None),
        "accuracy": _number(job.test_accuracy),
        "loss": _number(job.test_loss),
        "left": "" if left is None else str(timedelta(seconds=round(left))),
        "note": job.note,
    }


def _number(value: object) -> str:
    """Return a metric as text; "" if it is missing or, in a damaged file, not a number."""
    return f"{value:.4f}" if isinstance(value, int | float) else ""
