"""Compares the bits of two results folders: python tests/same_bits.py BEFORE AFTER

For a change that must not change a result. `metrics.csv`, every checkpoint (`*.safetensors`) and
every journal after its first line (the header, which names the code) must be equal byte for byte.
Tables and verdicts are compared too, without the columns that hold times. Exit code 1 and one line
for each difference.
"""

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

# Times, processors and versions are of the machine, not of the result.
TABLES = ("tables/*.csv", "claims/*.csv", "**/tables/*.csv", "**/claims.csv")
TIMED = ("seconds", "hours", "processor", "time")


def compared(results: Path) -> dict[str, bytes]:
    """What must be equal, by the path below the folder.

    Args:
        results: such as `results/smoke`.
    """
    answer = {}
    for path in sorted(results.rglob("*")):
        name = str(path.relative_to(results))
        if name.endswith(".safetensors") or path.name == "metrics.csv":
            answer[name] = path.read_bytes()
        elif "journal" in path.name and path.is_file():
            answer[name] = path.read_bytes().partition(b"\n")[2]
        elif any(path.match(pattern) for pattern in TABLES):
            answer[name] = without_times(path.read_text())
    return answer


def without_times(text: str) -> bytes:
    """A CSV file without the columns whose names speak of time."""
    rows = list(csv.reader(io.StringIO(text)))
    kept = [i for i, name in enumerate(rows[0]) if not any(word in name for word in TIMED)]
    return "\n".join(",".join(row[i] for i in kept) for row in rows).encode()


def differences(before: Path, after: Path) -> Iterator[str]:
    """One line for each file that differs, or that only one of two folders has."""
    old, new = compared(before), compared(after)
    for name in sorted({*old, *new}):
        if name not in new:
            yield f"{name}: only in {before}"
        elif name not in old:
            yield f"{name}: only in {after}"
        elif old[name] != new[name]:
            yield f"{name}: differs"


def main(before: Path, after: Path) -> int:
    """Prints the differences, and how many files were compared."""
    count = len(compared(before))
    if not count:
        print(f"{before}: holds no metrics.csv and no checkpoint; run a config there first")
        return 2
    lines = list(differences(before, after))
    print(*lines, f"{count} files compared, {len(lines)} differ", sep="\n")
    return bool(lines)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
