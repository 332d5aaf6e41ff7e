"""Runs the commands of docs/checkpoints.md and writes their output into the page.

With --check it writes nothing and exits 1 if a command prints other words than the page. Numbers,
hashes and the name of the machine may differ.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path

from zowarmup.__main__ import main as zowarmup

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "checkpoints.md"
BLOCK = re.compile(r"```console\n\$ (zowarmup [^\n]*)\n(.*?)```", re.DOTALL)
OF_THE_MACHINE = (
    "torch",
    "device",
    "machine",
    "commit",
    "finished",
)  # first words of lines that differ between machines


def output(command: str) -> str:
    """Run a command in this process and return its output."""
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = zowarmup(shlex.split(command)[1:])
    assert code == 0, command
    return out.getvalue()


def page(folder: Path) -> str:
    """Return the page with the output of its commands, run in turn in an empty folder."""
    shutil.copytree(ROOT / "config", folder / "config")
    before = Path.cwd()
    os.chdir(folder)
    try:
        return BLOCK.sub(
            lambda m: f"```console\n$ {m[1]}\n{output(m[1])}```", PAGE.read_text(encoding="utf-8")
        )
    finally:
        os.chdir(before)


def words(text: str) -> list[str]:
    """The lines of a page, without the parts that differ between machines."""
    lines = [line for line in text.splitlines() if not line.strip().startswith(OF_THE_MACHINE)]
    lines = [re.sub(r"\b[0-9a-f]{12,}\b", "HASH", line) for line in lines]
    lines = [re.sub(r"-?\d[\d,.]*(e[-+]\d+)?", "0", line) for line in lines]
    return [re.sub(r"\s+", " ", line).strip() for line in lines]


def main() -> int:
    """Write the page, or check it."""
    with tempfile.TemporaryDirectory() as folder:
        new = page(Path(folder))
    old = PAGE.read_text(encoding="utf-8")
    if "--check" not in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
        return 0
    for shown, printed in zip(words(old), words(new), strict=False):
        if shown != printed:
            print(f"{PAGE}: shows {shown!r}, the command prints {printed!r}: run `make evidence`")
            return 1
    return int(len(words(old)) != len(words(new)))


if __name__ == "__main__":
    sys.exit(main())
