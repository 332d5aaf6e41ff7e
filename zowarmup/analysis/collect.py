"""The rows of all runs as one tidy file, each with what its run was.

Numbers are carried over as the text they were written as, so collecting changes no bit.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from zowarmup.settings.files import atomic_file

LACKED = 0.01  # a class is lacked by a tier that holds less than this share of its images

Cell = Mapping[str, Any]
Row = dict[str, Any]


def collect(cells: Sequence[Cell], output: Path | str) -> None:
    """Write the rows of all cells, one after the other, all or nothing.

    Args:
        cells: each with its study, method, label, variant, split, run, seed, clients, alpha,
            federation file, description of the run, and the folders whose metrics follow each
            other.
    """
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
        for row in _read(f"{part}/metrics.csv"):
            if int(row["round"]) <= last:
                yield facts | row | missing(row, lacked)


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
    high = int(cell["split"].split("/")[0]) / 100
    tier = {"all": 1.0, "high": high, "low": 1 - high}[zo.get("clients", "all")]
    cohort = max(1, round(zo.get("participation", 1.0) * round(tier * cell["clients"])))
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
        "directions": cohort * zo["S"] if zo else 0,
        "engine": spec["engine"]["name"],
        "loss_change_first_10_rounds": _text(records[-1].get("loss_change_first_10_rounds")),
    }


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
    fields = json.loads(Path(federation).read_text())
    return fields["order"], fields["label_counts"]


@cache
def _read(path: str) -> list[Row]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _record(part: str) -> Row:
    record: Row = json.loads(Path(part, "run.json").read_text())
    return record


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)


def _line(row: Row, columns: Sequence[str]) -> bytes:
    fields = [str(row.get(column, "")) for column in columns]
    quoted = [f'"{field}"' if "," in field else field for field in fields]
    return (",".join(quoted) + "\n").encode()
