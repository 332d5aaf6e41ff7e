"""The jobs of a results folder as a table: plain in a pipe, coloured and live in a terminal."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.table import Table
from rich.text import Text

from zowarmup.common.durations import duration
from zowarmup.inspection.look import text as texts
from zowarmup.inspection.status.jobs import DIVERGED, DONE, FAILED, RUNNING, STATES, WAITING

Job = dict[str, Any]
COLOURS = {
    DONE: "green",
    RUNNING: "cyan",
    FAILED: "bold red",
    DIVERGED: "magenta",
    WAITING: "dim",
}
COLUMNS = ("state", "what", "name", "seed", "round", "accuracy", "loss", "left", "note")
NUMBERS = ("round", "accuracy", "loss", "left")
AROUND = 5  # lines of a live view beside those of jobs


def text(jobs: Sequence[Job]) -> str:
    """One plain table of all jobs, and their number in each state."""
    rows = [_cells(job) for job in jobs]
    lines = texts.table([{column: row[column] for column in _used(rows)} for row in rows])
    return "\n".join([*lines, _counts(jobs)])


def show(jobs: Sequence[Job]) -> None:
    """The same in colours."""
    console = Console()
    console.print(Group(_table(jobs, console.width), Text(_counts(jobs))))


def live(look: Callable[[], Sequence[Job]], every: float, *, ends: bool) -> None:
    """Looked at again and again, until Ctrl-C.

    Args:
        every: seconds.
        ends: whether to end when no job is running any more.
    """
    console = Console()
    with Live(console=console, auto_refresh=False) as view:
        while True:
            jobs = look()
            view.update(_fitting(jobs, console.width, console.height), refresh=True)
            if ends and not any(job["state"] == RUNNING for job in jobs):
                return
            time.sleep(every)


def _fitting(jobs: Sequence[Job], width: int, height: int) -> Group:
    """What needs a look comes first; the rest is counted where the terminal is too low."""
    room = max(height - AROUND, 1)
    hidden = f"and {len(jobs) - room} more; " if len(jobs) > room else ""
    return Group(_table(jobs[:room], width), Text(hidden + _counts(jobs)))


def _table(jobs: Sequence[Job], width: int) -> Table:
    """Where the terminal is too narrow the notes are cut short, and nothing else."""
    table = Table(box=None, pad_edge=False)
    rows = [_cells(job) for job in jobs]
    left = width
    for column in (used := _used(rows)):
        widest = max(len(column), *(len(row[column]) for row in rows))
        widest = max(4, min(widest, left)) if column == "note" else widest
        left -= widest + 2
        side: JustifyMethod = "right" if column in NUMBERS else "left"
        table.add_column(column, justify=side, width=widest, no_wrap=True)
    for row in rows:
        cells = (Text(row[column]) for column in used)
        table.add_row(*cells, style=COLOURS[row["state"]])
    return table


def _used(rows: Sequence[dict[str, str]]) -> list[str]:
    """The columns in which something stands."""
    return [column for column in COLUMNS if any(row[column] for row in rows)]


def _cells(job: Job) -> dict[str, str]:
    """What a row says."""
    known = (job["round"], job["of"])
    left = job["seconds_left"]
    shown = {
        "state": job["state"],
        "what": job["what"],
        "name": job["name"],
        "seed": job["seed"],
        "round": "/".join(str(number) for number in known if number is not None),
        "accuracy": _number(job["test_accuracy"]),
        "loss": _number(job["test_loss"]),
        "left": "" if left is None else duration(left),
        "note": job["note"],
    }
    return {column: shown[column] for column in COLUMNS}


def _number(value: object) -> str:
    """Nothing where there is none, or where a file that jobs leave says something else."""
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def _counts(jobs: Sequence[Job]) -> str:
    states = [job["state"] for job in jobs]
    parts = [f"{states.count(state)} {state}" for state in STATES[::-1] if state in states]
    return ", ".join(parts) or "no jobs"
