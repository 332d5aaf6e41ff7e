"""A forecast as tables for people."""

import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from rich.filesize import decimal
from tabulate import tabulate

from zowarmup.common.durations import duration
from zowarmup.forecast.forecast import Forecast

WIDTH = 100
Rows = Mapping[str, Any]


def text(forecast: Forecast) -> str:
    """Return all of a forecast, at most WIDTH characters wide."""
    jobs = ", ".join(f"{n} {rule}" for rule, n in forecast.jobs.items())
    alike = (f" {name} is assumed to cost as {other}." for name, other in forecast.like.items())
    sheets, memory = forecast.devices, forecast.memory_bytes
    devices = {f"{sheets['devices']} x {name}": s for name, s in sheets["seconds"].items()}
    parts = [_wrap(f"{forecast.name}: {sum(forecast.jobs.values())} jobs: {jobs}.{''.join(alike)}")]
    for name, rows in forecast.operations.items():
        summed = {key: ops | {"all": sum(ops.values())} for key, ops in rows.items()}
        parts.append(_table(f"FLOP {name.replace('_', ' ')}", summed, "{:.2e}".format))
    if hours := forecast.machine:
        device = "the CPU, since this machine has no GPU" if hours.cpu_instead else "this machine"
        memory = {"Python and libraries": hours.process_bytes} | memory
        parts.append(_table("time on this machine", hours.by_job, duration))
        parts.append(
            _wrap(
                f"At least {duration(hours.wall)} with {hours.cores} jobs at once; the longest "
                f"chain of jobs takes {duration(hours.path)}. {hours.recorded} jobs count as "
                f"recorded when they ran; for the others, {hours.kinds} kinds of rounds ran on "
                f"{device}, and are scaled."
            )
        )
    parts += [
        _table("time by data sheet", devices, duration, total=False),
        _wrap(
            f"At {sheets['reached_float32']:.0%} of the peak in float32 and "
            f"{sheets['reached_bfloat16']:.0%} in bfloat16, assumed and not measured; without the "
            "start of jobs, and without the idle time of a device with a small network."
        ),
        _table("a real federation sends", forecast.federation_bytes, _size),
        _table("on the disk", forecast.disk_bytes, _size),
        _table("in memory, the largest job", memory, _size),
        _wrap(f"Downloads: {_size(forecast.download_bytes)}. A run that diverges ends earlier."),
    ]
    return "\n\n".join(parts)


def _size(bytes_: float) -> str:
    return decimal(round(bytes_))


def _table(
    title: str, rows: Mapping[str, Any], show: Callable[[float], str], total: bool = True
) -> str:
    """Return rows as a table with a row of their sums."""
    frame = pd.DataFrame.from_dict(rows, orient="index")
    if total:
        frame.loc["all"] = frame.sum()
    headers = [title, *(str(column) if column else "" for column in frame.columns)]
    sides = ["left", *("right" for _ in frame.columns)]
    return tabulate(frame.map(show), headers, colalign=sides, disable_numparse=True)


def _wrap(words: str) -> str:
    return textwrap.fill(words, WIDTH, break_on_hyphens=False)
