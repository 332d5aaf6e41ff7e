"""The columns that are the same for all rows of a run: its settings and its clients."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from zowarmup.common.errors import reading
from zowarmup.common.files import read_json, read_rows
from zowarmup.config.splits import high_clients
from zowarmup.data.federation import load

PHASE_COLUMNS = ("algorithm", "clients", "participation", "batch", "epochs")
ZO_COLUMNS = ("S", "tau", "eps", "distribution", "scaling", "estimator", "shared_directions")
OTHER_COLUMNS = {"beta2": "beta2", "epsilon": "epsilon", "candidates": "K", "sampling": "sampling"}

Cell = Mapping[str, Any]  # one run with one seed in a study, as Paths.cells gives it
Row = dict[str, Any]


class Files:
    """Reads each file behind the rows once, though many cells name it."""

    def __init__(self) -> None:
        self.json, self.rows, self.federation = cache(read_json), cache(read_rows), cache(load)


def run_columns(cell: Cell, files: Files) -> Row:
    """The columns of a run, before those that training measured.

    Raises:
        UserError: the run's record, a selection or the federation is missing or damaged.
    """
    parts = [f"{part}/run.json" for part in cell["parts"]]
    with reading(" or ".join([*parts, *cell["selections"]])):
        return _columns(cell, files, [files.json(file) for file in parts])


def _columns(cell: Cell, files: Files, records: Sequence[Row]) -> Row:
    spec, phases, last = cell["spec"], cell["spec"]["phases"], records[-1]
    federation, high = files.federation(cell["federation"]), last["high_clients"]
    images = float(federation.train_sizes.mean())  # of a client
    if high is None:  # the run does not know the tiers; the split has them for all runs
        high = high_clients(cell["split"], cell["clients"])
    # The last record has the learning rate of every phase, as trained.
    rates = [phase["lr"] for phase in last["spec"].get("phases", [last["spec"].get("phase")])]
    early = last.get("loss_change_first_10_rounds")
    return {
        **{name: cell[name] for name in ("study", "run", "method", "label")},
        **{name: spec[name] for name in ("dataset", "model", "width")},
        "split": cell["split"],
        "alpha": "inf" if cell["alpha"] == "infinite" else cell["alpha"],
        "clients": cell["clients"],
        "high_clients": int(high),
        "images": repr(images),
        "classes": federation.classes,
        "seed": cell["seed"],
        "variant": cell["variant"],
        "pivot": phases[0]["rounds"] if len(phases) > 1 else "",
        "rounds": sum(phase["rounds"] for phase in phases),
        **settings_of(phases),
        "lr_1": rates[0],
        "lr_2": rates[1] if len(rates) > 1 else "",
        "lr_at_edge": any(files.json(file)["at_edge"] for file in cell["selections"]),
        "d": records[0]["d"],
        "d_low": min(record["d_low"] for record in records),
        "directions": max(directions(p, cell["clients"], high, images) for p in phases),
        "engine": spec["engine"]["name"],
        "loss_change_first_10_rounds": "" if early is None else repr(early),
    }


def settings_of(phases: Sequence[Row]) -> Row:
    """The settings of the phases: each phase's own, or those of the last phase that has them."""
    first, last = phases[0], phases[1] if len(phases) > 1 else {}
    every = {key: value for phase in phases for key, value in phase.items()}
    zo: Row = next((phase for phase in phases if "S" in phase), {})
    return {
        **{f"{name}_1": first.get(name, "") for name in PHASE_COLUMNS},
        **{f"{name}_2": last.get(name, "") for name in PHASE_COLUMNS},
        **{name: zo.get(name, "") for name in ZO_COLUMNS},
        **{column: every.get(name, "") for column, name in OTHER_COLUMNS.items()},
    }


def directions(phase: Row, clients: int, high: int, images: float) -> int:
    """P, the number of different directions of one round of a phase.

    Args:
        clients: of the federation; `high` of them are high-resource.
        images: training images of a client.
    """
    if "eps" not in phase:
        return 0
    S = int(phase.get("S", 1))
    if phase.get("shared_directions"):
        return S
    tier = {"all": clients, "high": high, "low": clients - high}[phase["clients"]]
    # A round over all data of a client is one local step.
    steps = phase["epochs"] * math.ceil(images / phase["batch"]) if "batch" in phase else 1
    of_client = min(steps, phase["K"]) if "K" in phase else S * steps
    return max(1, round(phase["participation"] * tier)) * int(of_client)
