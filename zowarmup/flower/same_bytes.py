"""Compares the results of real clients with those of the simulation, byte by byte."""

from collections.abc import Mapping
from pathlib import Path

from zowarmup.storage import journal

FILES = ("final.safetensors", "journal.jsonl")


def compare(real: Path, simulated: Path) -> Mapping[str, bool]:
    """Whether the final checkpoint and the journal of two runs are the same bytes.

    The header of a journal is left out: it holds hashes of the files that a job has read, and a
    server of real clients reads others.

    Raises:
        FileNotFoundError: a file is missing.
    """
    same = {}
    for name in FILES:
        first, second = ((folder / name).read_bytes() for folder in (real, simulated))
        if name.endswith(".jsonl"):
            first, second = (data.partition(b"\n")[2] for data in (first, second))
        same[name] = first == second
    return same


def rounds(folder: Path) -> int:
    """The number of rounds in the journal of a run."""
    return sum(1 for _ in journal.scan(folder / "journal.jsonl")) - 1
