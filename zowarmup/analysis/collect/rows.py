"""The rows of all runs as one tidy file, each with the settings of its run.

Numbers keep the text of the run's own file, so collecting changes no bit. Where a data set has many
classes, the recall of single classes stays in the run's own file: a thousand columns, empty for all
other data sets, that no table and no figure needs.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from zowarmup.analysis.collect.run_columns import Cell, Files, Row, run_columns
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_text
from zowarmup.data.federation import Federation

MANY = 100  # classes; with more, only a run's own file has the recall of each
LACKED = 0.01  # a tier lacks a class if it holds less than this share of its images


def collect(cells: Sequence[Cell], output: Path | str) -> None:
    """Writes the rows of all cells, one after the other, all or nothing.

    Args:
        cells: each with its study, method, label, variant, split, run, seed, clients, alpha,
            federation file, description of the run, and the folders whose metrics follow each
            other.

    Raises:
        UserError: one of these files is missing, is cut short or ends too early.
    """
    files = Files()
    rows = [row for cell in cells for row in rows_of(cell, files)]
    text = io.StringIO()
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write_text(output, text.getvalue())


def rows_of(cell: Cell, files: Files) -> Iterator[Row]:
    """The rows of one cell, after the columns of its run."""
    columns = run_columns(cell, files)
    with reading(cell["federation"]):
        lacked = lacked_classes(files.federation(cell["federation"]), columns["high_clients"])
    # A warm-up counts up to the pivot, the end of the first phase.
    lasts = [columns["pivot"], columns["rounds"]][-len(cell["parts"]) :]
    for part, last in zip(cell["parts"], lasts, strict=True):
        file = f"{part}/metrics.csv"
        with reading(file):
            rows = [row for row in files.rows(file) if int(row["round"]) <= last]
            _check_end(file, rows, last)
            for row in rows:
                own: Row = row
                if columns["classes"] > MANY:
                    own = {c: text for c, text in row.items() if not c.startswith("recall_")}
                yield columns | own | _low_bytes(row, columns, cell) | _missing(row, lacked)


def lacked_classes(federation: Federation, high: int) -> list[int]:
    """The classes of which the high-resource clients hold under 1 % of all clients' images."""
    counts = federation.label_counts
    held = counts[list(federation.order[:high])].sum(axis=0)
    return [int(c) for c in np.flatnonzero(held < LACKED * counts.sum(axis=0))]


def _check_end(file: str, rows: Sequence[Row], last: int) -> None:
    """The rows of a file must end at its last round, or where training diverged."""
    end = rows[-1] if rows else {"round": "none", "diverged": ""}
    if end["round"] != str(last) and end["diverged"] != "True":
        raise UserError(
            f"{file}: the last round is {end['round']} instead of {last} though "
            "nothing diverged; delete the file, and the workflow recreates it"
        )


def _missing(row: Row, lacked: Sequence[int]) -> Row:
    """The number of classes that high-resource clients lack, and the mean recall on them."""
    recalls = [float(text) for c in lacked if (text := row[f"recall_{c}"])]
    mean = repr(sum(recalls) / len(recalls)) if recalls else ""
    return {"missing_classes": len(lacked), "missing_recall": mean}


def _low_bytes(row: Row, columns: Row, cell: Cell) -> Row:
    """The low-resource clients' bytes of a run that treats all clients alike: their share of all.

    Such a run does not know the tiers. With partial participation their share is unknown.
    """
    if cell["spec"]["split"] is not None:
        return {}
    whole = all(phase["participation"] == 1 for phase in cell["spec"]["phases"])
    K, low = columns["clients"], columns["clients"] - columns["high_clients"]
    names = ("bytes_up", "bytes_down")
    return {f"{name}_low": int(row[name]) * low // K if whole else "" for name in names}
