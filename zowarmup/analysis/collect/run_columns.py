"""What is the same for all rows of a run: its columns before those that training measured."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json
from zowarmup.config.splits import high_clients
from zowarmup.data import federation as dealing

LACKED = 0.01  # a class is lacked by a tier that holds less than this share of its images
PHASE_COLUMNS = ("algorithm", "clients", "participation", "batch", "epochs")
ZO_COLUMNS = ("S", "tau", "eps", "distribution", "scaling", "estimator", "shared_directions")
OTHER_COLUMNS = {"beta2": "beta2", "epsilon": "epsilon", "candidates": "K", "sampling": "sampling"}

Cell = Mapping[str, Any]
Row = dict[str, Any]


def forget() -> None:
    """Files may have other contents than when an earlier call in this process read them."""
    for remembered in (holdings, record, selection):
        remembered.cache_clear()


def facts_of(cell: Cell) -> Row:
    """What is the same for all rows of a run.

    Raises:
        UserError: the run's record, a selection or the federation is missing or none of ours.
    """
    read = [*(f"{part}/run.json" for part in cell["parts"]), *cell["selections"]]
    with reading(" or ".join(read)):
        return _facts_of(cell)


def _facts_of(cell: Cell) -> Row:
    spec, phases = cell["spec"], cell["spec"]["phases"]
    records = [record(part) for part in cell["parts"]]
    high = high_clients_of(cell)
    rates = _rates(records)
    return {
        **{name: cell[name] for name in ("study", "run", "method", "label")},
        "dataset": spec["dataset"],
        "model": spec["model"],
        "width": spec["width"],
        "split": cell["split"],
        "alpha": "inf" if cell["alpha"] == "infinite" else cell["alpha"],
        "clients": cell["clients"],
        "high_clients": high,
        "images": repr(_images(cell["federation"])),
        "classes": len(holdings(cell["federation"])[1][0]),
        "seed": cell["seed"],
        "variant": cell["variant"],
        "pivot": phases[0]["rounds"] if len(phases) > 1 else "",
        "rounds": sum(phase["rounds"] for phase in phases),
        **settings_of(phases),
        "lr_1": rates[0],
        "lr_2": rates[1] if len(rates) > 1 else "",
        "lr_at_edge": any(selection(file)["at_edge"] for file in cell["selections"]),
        "d": records[0]["d"],
        "d_low": min(one["d_low"] for one in records),
        "directions": max(directions(phase, cell, high) for phase in phases),
        "engine": spec["engine"]["name"],
        "loss_change_first_10_rounds": _text(records[-1].get("loss_change_first_10_rounds")),
    }


def settings_of(phases: Sequence[Row]) -> Row:
    """What the phases were set to: each on its own, or the last one that has such a setting."""
    first, last = phases[0], phases[1] if len(phases) > 1 else {}
    every = {key: value for phase in phases for key, value in phase.items()}
    zo: Row = next((phase for phase in phases if "S" in phase), {})
    return {
        **{f"{name}_1": first.get(name, "") for name in PHASE_COLUMNS},
        **{f"{name}_2": last.get(name, "") for name in PHASE_COLUMNS},
        **{name: zo.get(name, "") for name in ZO_COLUMNS},
        **{column: every.get(name, "") for column, name in OTHER_COLUMNS.items()},
    }


def directions(phase: Row, cell: Cell, high: int) -> int:
    """P, the number of different directions of one round of a phase."""
    if "eps" not in phase:
        return 0
    if phase.get("shared_directions"):
        return int(phase["S"])
    clients = cell["clients"]
    tier = {"all": clients, "high": high, "low": clients - high}[phase["clients"]]
    return max(1, round(phase["participation"] * tier)) * _local_directions(phase, cell)


def _local_directions(phase: Row, cell: Cell) -> int:
    """Of one client: S for each local step; a round over all its data is one step."""
    if "batch" not in phase:
        return int(phase["S"])
    steps = phase["epochs"] * math.ceil(_images(cell["federation"]) / phase["batch"])
    return min(steps, phase["K"]) if "K" in phase else int(phase["S"]) * steps


def high_clients_of(cell: Cell) -> int:
    """How many clients are high-resource: as the run says, or as its split does for all runs."""
    known = record(cell["parts"][-1])["high_clients"]
    return int(known) if known is not None else high_clients(cell["split"], cell["clients"])


def _rates(records: Sequence[Row]) -> list[float]:
    """The learning rate of each phase, as trained: the last record knows all of them."""
    spec = records[-1]["spec"]
    return [phase["lr"] for phase in spec.get("phases", [spec.get("phase")])]


def lacked_classes(federation: str, high: int) -> list[int]:
    """The classes of which the first `high` clients hold under 1 % of the clients' images."""
    order, counts, _ = holdings(federation)
    held = [sum(counts[client][c] for client in order[:high]) for c in range(len(counts[0]))]
    total = [sum(row[c] for row in counts) for c in range(len(counts[0]))]
    pairs = zip(held, total, strict=True)
    return [c for c, (part, all_) in enumerate(pairs) if part < LACKED * all_]


def _images(federation: str) -> float:
    """Mean number of training images of a client."""
    return holdings(federation)[2]


@cache
def holdings(federation: str) -> tuple[list[int], list[list[int]], float]:
    dealt = dealing.load(federation)
    return list(dealt.order), dealt.label_counts.tolist(), float(dealt.train_sizes.mean())


@cache
def record(part: str) -> Row:
    return read_json(f"{part}/run.json")


@cache
def selection(file: str) -> Row:
    return read_json(file)


def _text(value: float | None) -> str:
    return "" if value is None else repr(value)
