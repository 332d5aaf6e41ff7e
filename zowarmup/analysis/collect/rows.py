"""Collect the rows of all runs in one tidy file, each row with the settings of its run.

Numbers are copied as text, so collecting changes no bit. If a data set has many classes, the recall
of each class stays in the run's own file, because no table and no figure needs it.
"""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.analysis import metrics as m
from zowarmup.common.errors import UserError, reading
from zowarmup.common.files import atomic_write_text, read_json, read_rows
from zowarmup.config.splits import GIVEN, high_clients
from zowarmup.data.federation import Federation, load
from zowarmup.plan.pivots.probe import Probe, costs_until

MANY = 100  # classes; with more, the recall of each class stays in the run's file
LACKED = 0.01  # a tier lacks a class if it holds less than this share of the class's images
PHASE_COLUMNS = ("algorithm", "clients", "participation", "batch", "epochs")
ZO_COLUMNS = ("S", "tau", "eps", "distribution", "scaling", "estimator", "shared_directions")
# Only in rows of methods with these settings
RARE_COLUMNS = ("high_factor", "download", "top")
OTHER_COLUMNS = {"beta2": "beta2", "epsilon": "epsilon", "candidates": "K", "sampling": "sampling"}

Cell = Mapping[str, Any]  # one run with one seed in a study, as Paths.cells describes it
Row = dict[str, Any]


class Files:
    """Reads each file only once, although many cells name the same file."""

    def __init__(self) -> None:
        self.json, self.rows, self.federation = cache(read_json), cache(read_rows), cache(load)


def collect(cells: Sequence[Cell], output: Path | str) -> None:
    """Write the rows of all cells to one file, cell after cell; on an error nothing is written.

    Raises:
        UserError: a file of a cell is missing, is cut short or ends too early.
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
    """Yield the rows of one cell; the columns that describe its run come first."""
    parts = cell["parts"]
    with reading(" or ".join([*(f"{part}/run.json" for part in parts), *cell["selections"]])):
        columns = run_columns(cell, files)
        probes = [*map(Probe.read, files.rows(cell["probes"]))] if "probes" in cell else []
    lacked = lacked_classes(files.federation(cell["federation"]), columns["high_clients"])
    # The rows of a warm-up count up to the pivot, where the first phase ends.
    for part, last in zip(parts, [columns["pivot"], columns["rounds"]][-len(parts) :], strict=True):
        file = f"{part}/metrics.csv"
        with reading(file):
            rows = [row for row in files.rows(file) if int(row["round"]) <= last]
            end = rows[-1] if rows else {"round": "none", "diverged": ""}
            if end["round"] != str(last) and end["diverged"] != "True":
                raise UserError(
                    f"{file}: the last round is {end['round']} instead of {last}, but the run did "
                    "not diverge; delete the file, and the workflow recreates it"
                )
            for row in rows:
                own: Row = row | _with_probes(row, probes if last == columns["pivot"] else [])
                if columns["classes"] > MANY:
                    own = {c: text for c, text in own.items() if not c.startswith("recall_")}
                yield columns | own | _low_bytes(row, columns, cell) | _missing(row, lacked)


def lacked_classes(federation: Federation, high: int) -> list[int]:
    """Return the classes of which high-resource clients hold under 1 % of the images."""
    counts = federation.label_counts
    held = counts[list(federation.order[:high])].sum(axis=0)
    return [int(c) for c in np.flatnonzero(held < LACKED * counts.sum(axis=0))]


def _with_probes(row: Row, probes: Sequence[Probe]) -> Row:
    """Return the costs of a row of the warm-up, with those of the probes up to its round."""
    costs = costs_until(probes, int(row["round"])) if probes else {}
    return {name: int(row[name]) + more for name, more in costs.items()}


def _missing(row: Row, lacked: Sequence[int]) -> Row:
    """Return how many classes high-resource clients lack, and the mean recall on these classes."""
    recalls = [float(text) for c in lacked if (text := row[f"recall_{c}"])]
    mean = repr(sum(recalls) / len(recalls)) if recalls else ""
    return {"missing_classes": len(lacked), "missing_recall": mean}


def _low_bytes(row: Row, columns: Row, cell: Cell) -> Row:
    """Return the low-resource clients' bytes in a run without tiers: their share of all bytes.

    Without tiers all clients are treated alike. With partial participation the share is unknown.
    """
    if cell["spec"]["split"] is not None:
        return {}
    whole = all(phase["participation"] == 1 for phase in cell["spec"]["phases"])
    K, low = columns["clients"], columns["clients"] - columns["high_clients"]
    names = ("bytes_up", "bytes_down")
    return {f"{name}_low": int(row[name]) * low // K if whole else "" for name in names}


def run_columns(cell: Cell, files: Files) -> Row:
    """Return the columns that describe a run; in a row the measured columns follow them."""
    spec, phases = cell["spec"], cell["spec"]["phases"]
    *_, last = records = [files.json(f"{part}/run.json") for part in cell["parts"]]
    federation, high = files.federation(cell["federation"]), last["high_clients"]
    images = float(federation.train_sizes.mean())  # of one client
    if high is None:  # a run without tiers; its cell has a split all the same
        split = cell["split"]
        given = split == GIVEN
        high = len(federation.given_high) if given else high_clients(split, federation.clients)
    # The last record has the learning rate of every phase, as trained.
    rates = [phase["lr"] for phase in last["spec"].get("phases", [last["spec"].get("phase")])]
    decided = last["spec"].get("phases", phases)  # a rule may have decided the pivot
    early = last.get("loss_change_first_10_rounds")
    return {
        **{name: cell[name] for name in ("study", "run", "method", "label")},
        **{name: spec[name] for name in ("dataset", "model", "width")},
        "split": cell["split"],
        "alpha": {"infinite": "inf", None: ""}.get(cell["alpha"], cell["alpha"]),
        "clients": federation.clients,
        "high_clients": int(high),
        "images": repr(images),
        "classes": federation.classes,
        "seed": cell["seed"],
        "variant": cell["variant"],
        "pivot": decided[0]["rounds"] if len(phases) > 1 else "",
        **_adaptive(cell, last),
        "rounds": sum(phase["rounds"] for phase in phases),
        **settings_of(phases),
        "lr_1": rates[0],
        "lr_2": rates[1] if len(rates) > 1 else "",
        "lr_at_edge": any(files.json(file)["edges"] for file in cell["selections"]),
        "d": records[0]["d"],
        "d_low": min(record["d_low"] for record in records),
        **{name: last[name] for name in ("tensors",) if name in last},
        "directions": max(directions(p, federation.clients, high, images) for p in decided),
        "engine": spec["engine"]["name"],
        "loss_change_first_10_rounds": "" if early is None else repr(early),
    }


def _adaptive(cell: Cell, record: Row) -> Row:
    """Return the rule that decided the pivot, and the round up to which probes were made."""
    if "probes" not in cell:
        return {}
    rule = cell["spec"].get("pivot_rule", {"rule": ""})["rule"]
    pivot = record["spec"]["phases"][0]["rounds"]
    return {m.RULE: rule, m.PROBED: record["decided"].get("pivot", {"round": pivot})["round"]}


def settings_of(phases: Sequence[Row]) -> Row:
    """Return the settings of the phases: some by phase, others from the phase that has them."""
    first, last = phases[0], phases[1] if len(phases) > 1 else {}
    every = {key: value for phase in phases for key, value in phase.items()}
    zo: Row = next((phase for phase in phases if "S" in phase), {})
    return {
        **{f"{name}_1": first.get(name, "") for name in PHASE_COLUMNS},
        **{f"{name}_2": last.get(name, "") for name in PHASE_COLUMNS},
        **{name: zo.get(name, "") for name in ZO_COLUMNS},
        **{column: every.get(name, "") for column, name in OTHER_COLUMNS.items()},
        **{name: every[name] for name in RARE_COLUMNS if name in every},
    }


def directions(phase: Row, clients: int, high: int, images: float) -> int:
    """Return P, the number of directions in a round; a client has `images` images.

    FedKSeed's clients draw candidates with replacement, so of P only about K (1 - (1 - 1/K)^P)
    differ.
    """
    if "eps" not in phase:
        return 0
    S = int(phase.get("S", 1))
    if phase.get("shared_directions"):
        return S
    mixed = "high_factor" in phase  # the low-resource clients alone use directions, one step each
    low = clients - high
    tier = low if mixed else {"all": clients, "high": high, "low": low}[phase["clients"]]
    # Without a batch size a round is one local step on all images of a client.
    local = "batch" in phase and not mixed
    steps = phase["epochs"] * math.ceil(images / phase["batch"]) if local else 1
    of_client = min(steps, phase["K"]) if "K" in phase else S * steps
    clients = max(1, round(phase["participation"] * tier))
    groups = phase["groups"] if phase["algorithm"] == "zo_groups" else clients
    return min(clients, groups) * int(of_client)
