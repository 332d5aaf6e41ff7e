"""The rows of all runs as one tidy file, each with what its run was.

Numbers are carried over as the text they were written as, so collecting changes no bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from zowarmup.settings.errors import UserError
from zowarmup.settings.files import atomic_file, read_json, read_rows

LACKED = 0.01  # a class is lacked by a tier that holds less than this share of its images

Cell = Mapping[str, Any]
Row = dict[str, Any]


def collect(cells: Sequence[Cell], output: Path | str) -> None:
    """Write the rows of all cells, one after the other, all or nothing.

    Args:
        cells: each with its study, method, label, variant, split, run, seed, clients, alpha,
            federation file, description of the run, and the folders whose metrics follow each
            other.

    Raises:
        UserError: one of these files is missing, is cut short or ends too early.
    """
    for remembered in (_holdings, _read, _record):
        remembered.cache_clear()  # an earlier call in this process may have read other contents
    tables = [list(rows_of(cell)) for cell in cells]
    columns = dict.fromkeys(column for rows in tables for row in rows for column in row)
    with atomic_file(output) as file:
        file.write(",".join(columns).encode() + b"\n")
        for rows in tables:
            file.writelines(_line(row, list(columns)) for row in rows)


def rows_of(cell: Cell) -> Iterator[Row]:
    """The rows of one cell, with the columns that say what was run."""
    facts = facts_of(cell)
    lacked = lacked_classes(cell["federation"], cell["split"])
    for part, last in _parts(cell):
        rows = [row for row in _read(f"{part}/metrics.csv") if int(row["round"]) <= last]
        _check_end(part, rows, last)
        for row in rows:
            yield facts | row | missing(row, lacked)


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


def facts_of(cell: Cell) -> Row:
    """What is the same for all rows of a run."""
    spec, phases = cell["spec"], cell["spec"]["phases"]
    records = [_record(part) for part in cell["parts"]]
    zo: Row = next((phase for phase in phases if "S" in phase), {})
    rates = _rates(records)
    return {
        **{name: cell[name] for name in ("study", "run", "method", "label")},
        "dataset": spec["dataset"],
        "model": spec["model"],
        "split": cell["split"],
        "alpha": "inf" if cell["alpha"] == "infinite" else cell["alpha"],
        "clients": cell["clients"],
        "seed": cell["seed"],
        "variant": cell["variant"],
        "pivot": phases[0]["rounds"] if len(phases) > 1 else "",
        "rounds": sum(phase["rounds"] for phase in phases),
        **{name: zo.get(name, "") for name in ZO_COLUMNS},
        "lr_1": rates[0],
        "lr_2": rates[1] if len(rates) > 1 else "",
        "d": records[0]["d"],
        "directions": directions(zo, cell["split"], cell["clients"]) if zo else 0,
        "engine": spec["engine"]["name"],
        "loss_change_first_10_rounds": _text(records[-1].get("loss_change_first_10_rounds")),
    }


def directions(phase: Row, split: str, clients: int) -> int:
    """P, the number of different directions of one round."""
    if phase["shared_directions"]:
        return int(phase["S"])
    high = round(int(split.split("/")[0]) / 100 * clients)
    tier = {"all": clients, "high": high, "low": clients - high}[phase["clients"]]
    return max(1, round(phase["participation"] * tier)) * int(phase["S"])


ZO_COLUMNS = ("S", "tau", "eps", "distribution", "scaling", "estimator")


def _rates(records: Sequence[Row]) -> list[float]:
    """The learning rate of each phase, as trained: the last record knows all of them."""
    spec = records[-1]["spec"]
    return [phase["lr"] for phase in spec.get("phases", [spec.get("phase")])]


def lacked_classes(federation: str, split: str) -> list[int]:
    """The classes of which high-resource clients hold under 1 % of the clients' images."""
    order, counts = _holdings(federation)
    high = max(1, round(int(split.split("/")[0]) / 100 * len(order)))
    held = [sum(counts[client][c] for client in order[:high]) for c in range(len(counts[0]))]
    total = [sum(row[c] for row in counts) for c in range(len(counts[0]))]
    return [
        c for c, (part, all_) in enumerate(zip(held, total, strict=True)) if part < LACKED * all_
    ]


def missing(row: Row, lacked: Sequence[int]) -> Row:
    """How many classes the high-resource clients lack, and the mean recall on them."""
    recalls = [float(row[f"recall_{c}"]) for c in lacked if row[f"recall_{c}"]]
    mean = repr(sum(recalls) / len(recalls)) if recalls else ""
    return {"missing_classes": len(lacked), "missing_recall": mean}


@cache
def _holdings(federation: str) -> tuple[list[int], list[list[int]]]:
    fields = read_json(federation)
    return fields["order"], fields["label_counts"]


@cache
def _read(path: str) -> list[Row]:
    return read_rows(path)


@cache
def _record(part: str) -> Row:
    record: Row = read_json(f"{part}/run.json")
    return record


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _line(row: Row, columns: Sequence[str]) -> bytes:
    fields = [str(row.get(column, "")) for column in columns]
    quoted = [f'"{field}"' if "," in field else field for field in fields]
    return (",".join(quoted) + "\n").encode()
