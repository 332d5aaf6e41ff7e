"""A forecast as tables for people."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

Row = Sequence[str]
Numbers = Mapping[str, Any]


def text(made: Numbers) -> str:
    """All of a forecast, at most 100 characters wide."""
    parts = [_jobs(made), _operations(made["operations"]), _time(made), _traffic(made), _room(made)]
    return "\n\n".join(parts)


def _jobs(made: Numbers) -> str:
    jobs: Mapping[str, int] = made["jobs"]
    listed = ", ".join(f"{count} {rule}" for rule, count in jobs.items() if rule != "all")
    taken = "".join(
        f" {name} has no formula and is taken to cost as {other}."
        for name, other in made["like"].items()
    )
    return _wrap(f"{made['name']}: {sum(jobs.values())} jobs: {listed}, 1 all.{taken}")


def _operations(tables: Numbers) -> str:
    rows: list[Row] = [("FLOPs", "training forward", "backward", "evaluation", "all")]
    total = [0.0, 0.0, 0.0]
    for name, table in tables.items():
        rows.append((name.replace("_", " "), "", "", "", ""))
        for key, parts in table.items():
            rows.append((f"  {key}", *map(_flops, parts.values()), _flops(sum(parts.values()))))
            if name == "by_job":
                total = [a + b for a, b in zip(total, parts.values(), strict=True)]
    rows.append(("all", *map(_flops, total), _flops(sum(total))))
    return _table(rows)


def _time(made: Numbers) -> str:
    lines = _here(made["machine"]) if "machine" in made else []
    sheets = made["devices"]
    count = sheets["devices"]
    rows: list[Row] = [("device of a data sheet", "float32, two-point", "bfloat16, directional")]
    for name, times in sheets["seconds"].items():
        rows.append((f"  {count} x {name}", *map(duration, times.values())))
    f, b = (f"{100 * sheets[f'reached_{kind}']:.0f} %" for kind in ("float32", "bfloat16"))
    note = (
        f"At {f} of the peak in float32 and {b} in bfloat16, operations alone: what starting jobs "
        "and small networks cost, which no device is busy with, comes on top."
    )
    return "\n".join([*lines, _table(rows), _wrap(note)])


def _here(machine: Numbers) -> list[str]:
    now, idle, cores = machine["now"], machine["idle"], machine["cores"]
    rows: list[Row] = [("time on this machine", "as busy as it is", "nothing else on it")]
    for label, key in (
        (f"  {cores} job{'s' * (cores > 1)} at once", "wall"),
        ("  work of all jobs", "work"),
        ("  critical path", "path"),
    ):
        rows.append((label, duration(now[key]), duration(idle[key])))
    for rule, seconds in machine["by_job"].items():
        if seconds:
            rows.append((f"  all of {rule}", duration(seconds), ""))
    known, all_ = machine["kinds_measured"], machine["kinds"]
    instead = " on the CPU, as no GPU is here" if machine["cpu_instead"] else ""
    said = f"{known} of {all_} kinds of rounds were run{instead}" + (
        "; the others are taken to do as many operations a second. " if known < all_ else ". "
    )
    path = " > ".join(machine["path"])
    return [_table(rows), _wrap(f"{said}Critical path: {path}."), ""]


def _traffic(made: Numbers) -> str:
    rows: list[Row] = [("a real federation sends", "up", "down")]
    for name, both in made["federation_bytes"].items():
        rows.append((f"  {name}", size(both["up"]), size(both["down"])))
    up, down = (
        sum(both[way] for both in made["federation_bytes"].values()) for way in ("up", "down")
    )
    rows.append(("  all", size(up), size(down)))
    return _table(rows)


def _room(made: Numbers) -> str:
    rows: list[Row] = [("on the disk", "")]
    rows += [(f"  {name}", size(bytes_)) for name, bytes_ in made["disk_bytes"].items()]
    rows.append(("  all", size(sum(made["disk_bytes"].values()))))
    rows.append(("downloaded", size(made["download_bytes"])))
    memory = dict(made["memory_bytes"])
    if "machine" in made:
        memory = {"Python and libraries": made["machine"]["process_bytes"]} | memory
    rows.append(("in memory, the largest job", size(sum(memory.values()))))
    rows += [(f"  {name}", size(bytes_)) for name, bytes_ in memory.items()]
    return _table(rows) + "\n" + _wrap("No run is taken to diverge; one that does ends earlier.")


def duration(seconds: float) -> str:
    """In the unit that suits it, to two digits or so."""
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


def size(bytes_: float) -> str:
    """In decimal units, three digits."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    steps = min(int(math.log10(max(bytes_, 1)) / 3), len(units) - 1)
    return f"{bytes_ / 1000**steps:.3g} {units[steps]}"


def _flops(count: float) -> str:
    return f"{count:.2e}" if count else "0"


def _table(rows: Sequence[Row]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _wrap(words: str) -> str:
    return textwrap.fill(words, 100, break_on_hyphens=False)
