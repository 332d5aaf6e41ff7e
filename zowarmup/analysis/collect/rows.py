"""The rows of all runs as one tidy file, each with what its run was.

Numbers are carried over as the text they were written as, so collecting changes no bit. The recall
of single classes stays in the runs' own files where there are many: a thousand columns, empty in
the rows of other data sets, of which no table and no figure needs one.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from zowarmup.analysis.collect.run_columns import Cell, Row, facts_of, forget, lacked_classes
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_file, read_rows

MANY = 100  # classes; with more, a run's own file alone has the recall of each


def collect(cells: Sequence[Cell], output: Path | str) -> None:
    """Write the rows of all cells, one after the other, all or nothing.

    Args:
        cells: each with its study, method, label, variant, split, run, seed, clients, alpha,
            federation file, description of the run, and the folders whose metrics follow each
            other.

    Raises:
        UserError: one of these files is missing, is cut short or ends too early.
    """
    forget()
    _read.cache_clear()  # an earlier call in this process may have read other contents
    tables = [list(rows_of(cell)) for cell in cells]
    columns = dict.fromkeys(column for rows in tables for row in rows for column in row)
    with atomic_file(output) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        for rows in tables:
            writer.writerows(rows)
        text.detach()


def rows_of(cell: Cell) -> Iterator[Row]:
    """The rows of one cell, with the columns that say what was run."""
    facts = facts_of(cell)
    lacked = lacked_classes(cell["federation"], facts["high_clients"])
    for part, last in _parts(cell):
        with reading(f"{part}/metrics.csv"):
            rows = [row for row in _read(f"{part}/metrics.csv") if int(row["round"]) <= last]
            _check_end(part, rows, last)
            for row in rows:
                own = row if facts["classes"] <= MANY else without_recalls(row)
                yield facts | own | of_low(row, facts, cell) | missing(row, lacked)


def _check_end(part: str, rows: Sequence[Row], last: int) -> None:
    """What lies in a folder goes up to its last round, or to where training diverged."""
    end = rows[-1] if rows else {"round": "none", "diverged": ""}
    if end["round"] != str(last) and end["diverged"] != "True":
        raise UserError(
            f"{part}/metrics.csv: the last round is {end['round']} instead of {last} though "
            "nothing diverged; delete the file and let it be made again"
        )


def _parts(cell: Cell) -> Iterator[tuple[str, int]]:
    """Each folder, and the last of its rounds that belongs to the run."""
    phases = cell["spec"]["phases"]
    end = sum(phase["rounds"] for phase in phases)
    first, *rest = cell["parts"]
    yield first, phases[0]["rounds"] if rest else end
    yield from ((part, end) for part in rest)


def without_recalls(row: Row) -> Row:
    """A row without the recall of single classes."""
    return {column: value for column, value in row.items() if not column.startswith("recall_")}


def missing(row: Row, lacked: Sequence[int]) -> Row:
    """How many classes the high-resource clients lack, and the mean recall on them."""
    recalls = [float(row[f"recall_{c}"]) for c in lacked if row[f"recall_{c}"]]
    mean = repr(sum(recalls) / len(recalls)) if recalls else ""
    return {"missing_classes": len(lacked), "missing_recall": mean}


def of_low(row: Row, facts: Row, cell: Cell) -> Row:
    """The low-resource clients' bytes of a run that treats all clients alike: their share of all.

    Such a run does not know the tiers. With partial participation nobody counted who was there.
    """
    if cell["spec"]["split"] is not None:
        return {}
    whole = all(phase["participation"] == 1 for phase in cell["spec"]["phases"])
    K, low = facts["clients"], facts["clients"] - facts["high_clients"]
    return {
        f"{name}_low": int(row[name]) * low // K if whole else ""
        for name in ("bytes_up", "bytes_down")
    }


@cache
def _read(path: str) -> list[Row]:
    return read_rows(path)
