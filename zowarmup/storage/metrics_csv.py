"""metrics.csv and probes.csv of a job."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from zowarmup.common.files import atomic_write_text

Rows = Sequence[Mapping[str, int | float | bool]]


def write(path: Path | str, rows: Rows, names: Sequence[str] = ()) -> None:
    """Write rows as CSV, all or nothing; numbers as the shortest text that reads back equal.

    Args:
        names: of the columns; by default those of the first row.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=names or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v != v else v for k, v in row.items()} for row in rows)
    atomic_write_text(path, text.getvalue())
