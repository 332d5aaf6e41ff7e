"""The job of a run from its pivot on: files in, files out."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

from zowarmup.algorithms.rounds import State
from zowarmup.common import failure_signatures
from zowarmup.common.errors import reading
from zowarmup.common.files import read_rows
from zowarmup.common.json_value import Json
from zowarmup.plan.specs import Plain, RunSpec
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import (
    checkpoint,
    machines_json,
    metrics_csv,
    provenance,
    run_json,
    selection_json,
)
from zowarmup.storage.folder_lock import exclusive
from zowarmup.training import context, phases, run
from zowarmup.training.costs import Costs
from zowarmup.training.metrics_row import MetricsRow

File = Path | str
EARLY = f"loss_change_first_{run.EARLY}_rounds"


def train_run(
    plain: Plain,
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
    """Train the phases of a run after its warm-up and write metrics, run record and final model.

    Args:
        plain: a RunSpec as plain values.
        selections: files of the selections that the phases refer to, in their order.
        warmup: folder of the snapshots, None for a run that starts from the initialisation.
        group: the processes that share the run; see runtime.launch.
    """
    spec = selection_json.with_rates(RunSpec.read(plain), selections)
    seeds = spec.seeds_of(seed)
    start = checkpoint.snapshot(warmup, spec.pivot) if warmup else None
    before = pivot_row(warmup_metrics, spec)
    with exclusive(Path(metrics).parent, group) as folder:
        ready = context.build(spec, data, federation, group)
        files = {"data": data, "federation": federation} | ({"start": start} if start else {})
        where = os.path.relpath(start, folder) if start else None
        origin = provenance.of(spec, code, files, seed=seed, seeds=vars(seeds), start=where)
        machines = machines_json.enter(folder, origin, group)
        end = run.run(
            ready,
            phases.of_run(ready, spec),
            context.start(ready, seeds, start),
            seeds,
            evaluate_every=spec.evaluate_every,
            folder=folder,
            provenance=origin,
            costs=before[0].costs if before else Costs(),
        )
        if group.first:  # files are written once
            checkpoint.save(final, ready.model, State(end.w), ready.about(end.t))
            metrics_csv.write(metrics, [row.columns() for row in end.rows])
            warn([*before, *end.rows], spec)
            facts = origin | context.sizes(ready, spec.phases) | _early(end)
            outputs = [metrics, final, folder / run.JOURNAL]
            run_json.write(run_record, outputs, **facts, machines=machines)


def _early(end: run.Outcome) -> dict[str, Json]:
    """The first change of the loss, for the run record; JSON has no NaN."""
    return {EARLY: end.early_change if math.isfinite(end.early_change) else None}


def warn(rows: Sequence[MetricsRow], spec: RunSpec) -> None:
    """Log the failure signatures of a run, each with what to try."""
    columns = [row.columns() for row in rows]
    settings = [phase.model_dump() for phase in spec.phases]
    for sentence in failure_signatures.sentences(columns, settings):
        log.warning(sentence)


def pivot_row(metrics: File | None, spec: RunSpec) -> list[MetricsRow]:
    """The row of a warm-up at the pivot, its last one if it diverged before; [] without a warm-up.

    Raises:
        UserError: the file lacks a column, or a number.
    """
    if metrics is None:
        return []
    with reading(metrics):  # before anything is computed
        rows = [row for row in read_rows(metrics) if int(row["round"]) <= spec.pivot]
        return [MetricsRow.read(rows[-1])]
