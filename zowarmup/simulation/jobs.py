"""The jobs that train: files in, files out. Called by the scripts and by the Python API."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings.files import atomic_write_text
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, record, rows, select, train, trajectory, world
from zowarmup.simulation.loop import Tally
from zowarmup.simulation.progress import log

Spec = dict[str, Any]
File = Path | str
TALLY = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")


def with_rates(phases: Sequence[Spec], selections: Sequence[File]) -> list[Spec]:
    """The phases with each reference to a selection replaced by the learning rate it chose.

    Args:
        selections: a file for each phase that refers to a selection, in order.
    """
    files = iter(selections)
    return [
        phase | {"lr": chosen(next(files)) if isinstance(phase["lr"], dict) else phase["lr"]}
        for phase in phases
    ]


def chosen(selection: File) -> float:
    """The learning rate in a selection file."""
    return float(json.loads(Path(selection).read_text())["lr"])


def warm_up(
    spec: Spec,
    seed: int,
    code: str,
    *,
    data: File,
    federation: File,
    selections: Sequence[File],
    snapshots: File,
    metrics: File,
    run_record: File,
) -> None:
    """Train one warm-up and write its snapshots, metrics and record."""
    spec = spec | {"phase": with_rates([spec["phase"]], selections)[0]}
    here = world.build(spec, data, federation)
    seeds = Seeds.of(seed, spec["pin"])
    made = trajectory.run(
        here,
        spec,
        seeds,
        folder=Path(metrics).parent,
        snapshots=Path(snapshots),
        belongs_to=record.fingerprint(spec, seed, code, record.sha256(data, federation)),
    )
    rows.write(metrics, made)
    record.write(run_record, spec=spec, seed=seed, seeds=vars(seeds), code=code, d=here.model.d)


def train_run(
    spec: Spec,
    seed: int,
    code: str,
    *,
    data: File,
    federation: File,
    selections: Sequence[File],
    warmup: File | None,
    warmup_metrics: File | None,
    metrics: File,
    run_record: File,
    final: File,
) -> None:
    """Train the phases of a run after its warm-up and write metrics, record and final model.

    Args:
        warmup: folder of the snapshots, None for a run that starts from the initialisation.
    """
    spec = spec | {"phases": with_rates(spec["phases"], selections)}
    here = world.build(spec, data, federation)
    seeds = Seeds.of(seed, spec["pin"])
    w, tally, origin = here.model.initial(seeds.initialisation).to(here.device), Tally(), None
    if warmup and warmup_metrics:
        pivot = spec["phases"][0]["rounds"]
        origin = trajectory.snapshot(warmup, pivot)
        w = checkpoint.weights(origin, here.model).to(here.device)
        tally = spent(warmup_metrics, pivot)
    inputs = record.sha256(data, federation, *([origin] if origin else []))
    belongs_to = record.fingerprint(spec, seed, code, inputs)
    journal = Path(metrics).with_name("journal.jsonl")
    end = train.run(here, spec, w, seeds, journal=journal, belongs_to=belongs_to, tally=tally)
    about = {"model": spec["model"], "shape": here.shape, "classes": here.classes, "round": end.t}
    checkpoint.save(final, here.model, end.w, about)
    rows.write(metrics, end.rows)
    record.write(
        run_record,
        spec=spec,
        seed=seed,
        seeds=vars(seeds),
        code=code,
        d=here.model.d,
        start=os.path.relpath(origin, Path(run_record).parent) if origin else None,
        loss_change_first_10_rounds=None if math.isnan(end.early_change) else end.early_change,
    )


def spent(metrics: File, pivot: int) -> Tally:
    """What a warm-up has cost up to a round; to its end if it diverged before."""
    row = [row for row in rows.read(metrics) if int(row["round"]) <= pivot][-1]
    return Tally(**{name: int(row[name]) for name in TALLY})


def select_rate(
    spec: Spec,
    code: str,
    *,
    data: File,
    federations: Sequence[File],
    warmups: Sequence[File],
    selection: File,
) -> None:
    """Run a whole grid of learning rates and write the choice with everything it rests on.

    Args:
        federations, warmups: one for each tuning seed; no warmups for a first phase.
    """
    made = []
    for i, seed in enumerate(spec["seeds"]):
        here = world.build(spec, data, federations[i])
        seeds = Seeds.of(seed, spec["pin"])
        w = here.model.initial(seeds.initialisation).to(here.device)
        if warmups:
            file = trajectory.snapshot(warmups[i], spec["start"])
            w = checkpoint.weights(file, here.model).to(here.device)
        made += select.trials(here, spec, w, seeds, seed)
    choice = select.choose(made)
    if choice["at_edge"]:
        log.warning(f"lr {choice['lr']:g} is the edge of the grid {spec['grid']}; widen it")
    text = json.dumps(choice | {"grid": made, "spec": spec, "code": code}, indent=1, sort_keys=True)
    atomic_write_text(selection, text + "\n")
