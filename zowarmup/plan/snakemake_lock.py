"""Whose lock of Snakemake is found in a folder: that of one at work, or of a killed one."""

import os
from collections.abc import Iterator
from pathlib import Path


def said_of_lock(folder: Path) -> str | None:
    """A sentence for who finds the folder locked, None where it is not.

    Only processes of this machine are seen.
    """
    locks = folder / ".snakemake" / "locks"
    if not locks.is_dir() or not any(locks.iterdir()):
        return None
    others = ", ".join(map(str, _at_work(folder)))
    if others:
        return (
            f"{folder}: another Snakemake (pid {others}) works here; wait for it, or work in "
            "another copy of the project"
        )
    return (
        f"{folder}: a Snakemake that worked here was killed, unless it runs on another machine; "
        "nothing is lost: `snakemake --unlock` with the same config, then run it again with "
        "--rerun-incomplete"
    )


def _at_work(folder: Path) -> Iterator[int]:
    """The Snakemakes in a folder, without ourselves and those that started us."""
    ours = set(_line(os.getpid()))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            there = (process / "cwd").resolve() == folder.resolve()
        except OSError:  # it has ended, or is none of ours
            continue
        if there and int(process.name) not in ours and any(map(_is_snakemake, words[:3])):
            yield int(process.name)


def _is_snakemake(word: bytes) -> bool:
    return word.rpartition(b"/")[2] == b"snakemake"


def _line(pid: int) -> Iterator[int]:
    """A process, its parent, and so on."""
    while pid > 0:
        yield pid
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        pid = int(fields[1])
