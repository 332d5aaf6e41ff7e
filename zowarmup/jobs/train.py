"""The job of a run from its pivot on: files in, files out."""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zowarmup.algorithms.rounds import State
from zowarmup.common import failure_signatures
from zowarmup.common.errors import reading
from zowarmup.common.files import read_rows
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import checkpoint, machines_json, metrics_csv, provenance, run_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.storage.selection_json import with_rates
from zowarmup.training import context, run
from zowarmup.training.costs import Costs

Spec = dict[str, Any]
File = Path | str
EARLY = f"loss_change_first_{run.EARLY}_rounds"


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
    group: ProcessGroup = ALONE,
) -> None:
    """Train the phases of a run after its warm-up and write metrics, record and final model.

    Args:
        warmup: folder of the snapshots, None for a run that starts from the initialisation.
        ranks: the processes that share the run; see launch.
    """
    spec = spec | {"phases": with_rates(spec["phases"], selections)}
    seeds = Seeds.of(seed, spec["pin"])
    start, before = pivot_of(spec, warmup, warmup_metrics)
    costs = spent(before[0]) if before else Costs()
    with exclusive(Path(metrics).parent, group) as folder:
        here = context.build(spec, data, federation, group)
        w = context.start(here, seeds, start)
        files = {"data": data, "federation": federation} | ({"start": start} if start else {})
        where = os.path.relpath(start, folder) if start else None
        made_by = provenance.of(spec, code, files, seed=seed, seeds=vars(seeds), start=where)
        worked_on = machines_json.enter(folder, made_by, group)
        end = run.run(here, spec, w, seeds, folder=folder, provenance=made_by, costs=costs)
        if not group.first:  # files are written once
            return
        checkpoint.save(final, here.model, State(end.w), context.about(here, spec, end.t))
        metrics_csv.write(metrics, end.rows)
        warn([*before, *end.rows], spec)
        facts = made_by | context.facts(here, spec["phases"]) | {EARLY: _finite(end.early_change)}
        outputs = [metrics, final, folder / run.JOURNAL]
        run_json.write(run_record, outputs, **facts, machines=worked_on)


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def warn(rows: Sequence[Mapping[str, Any]], spec: Spec) -> None:
    """Say in the log what looks wrong, and what to try."""
    for sentence in failure_signatures.sentences(rows, spec["phases"]):
        log.warning(sentence)


def pivot_of(
    spec: Spec, warmup: File | None, metrics: File | None
) -> tuple[Path | None, list[dict[str, str]]]:
    """The snapshot that a run starts from and its row of metrics; none without a warm-up."""
    if not (warmup and metrics):
        return None, []
    pivot = spec["phases"][0]["rounds"]
    with reading(metrics):  # everything that will be read of it, before anything is computed
        row = pivot_row(metrics, pivot)
        _ = spent(row), int(row["phase"]), row["diverged"]
        _ = [
            failure_signatures.as_number(row[failure_signatures.loss_column(p["clients"])])
            for p in spec["phases"]
        ]
    return checkpoint.snapshot(warmup, pivot), [row]


def pivot_row(metrics: File, pivot: int) -> dict[str, str]:
    """A warm-up's row at a round; its last one if it diverged before."""
    return [row for row in read_rows(metrics) if int(row["round"]) <= pivot][-1]


def spent(row: Mapping[str, str]) -> Costs:
    """What a warm-up has cost up to a row."""
    return Costs(**{field.name: int(row[field.name]) for field in dataclasses.fields(Costs)})
