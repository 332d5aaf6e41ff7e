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
from zowarmup.jobs import adaptive
from zowarmup.plan.specs import RunSpec
from zowarmup.plan.value import Plain
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
from zowarmup.training import context, phases, run, sizes
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
    warmup: File | None = None,
    warmup_metrics: File | None = None,
    probes: File | None = None,
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
        probes: of the warm-up, for a run that decides something by them.
        group: the processes that share the run; see runtime.launch.
    """
    spec = selection_json.with_rates(RunSpec.read(plain), selections)
    seeds = spec.seeds_of(seed)
    with exclusive(Path(metrics).parent, group) as folder:
        ready = context.build(spec, data, federation, group)
        decision = adaptive.decided(spec, ready.tiers, probes)
        spec, before = decision.spec, last_row(warmup_metrics, decision.spec.pivot)
        start = checkpoint.snapshot(warmup, spec.pivot) if warmup else None
        given = {"data": data, "federation": federation, "start": start, "probes": probes}
        files = {name: file for name, file in given.items() if file}
        where = os.path.relpath(start, folder) if start else None
        w = context.start(ready, seeds, start)  # before anything is written
        origin = provenance.of(spec, code, files, seed=seed, seeds=vars(seeds), start=where)
        machines = machines_json.enter(folder, origin, group)
        trained = last_row(warmup_metrics, decision.round)  # at the pivot or after it
        costs = decision.costs.plus(trained[0].costs) if trained else Costs()
        own, every = phases.of_run(ready, spec), spec.evaluate_every
        end = run.run(ready, own, w, seeds, every, folder=folder, provenance=origin, costs=costs)
        if group.first:  # files are written once
            checkpoint.save(final, ready.model, State(end.w), ready.about(end.t))
            write_rows(metrics, before, end.rows, spec)
            facts = origin | sizes.sizes(ready, spec.phases) | _early(end) | decision.facts
            outputs = [metrics, final, folder / run.JOURNAL]
            run_json.write(run_record, outputs, **facts, machines=machines)


def _early(end: run.Outcome) -> dict[str, Json]:
    """Return the early change of the loss for the run record, with None for NaN."""
    return {EARLY: end.early_change if math.isfinite(end.early_change) else None}


def write_rows(
    metrics: File, before: Sequence[MetricsRow], rows: Sequence[MetricsRow], spec: RunSpec
) -> None:
    """Write metrics.csv, and log the failure signatures of the run, each with what to try.

    Args:
        before: the last row of the warm-up, if there is one.
    """
    columns = [row.columns() for row in (*before, *rows)]
    metrics_csv.write(metrics, columns[len(before) :])
    settings = [phase.model_dump() for phase in spec.phases]
    for sentence in failure_signatures.sentences(columns, settings):
        log.warning(sentence)


def last_row(metrics: File | None, t: int) -> list[MetricsRow]:
    """Return the warm-up's row of round t, or its last row before; [] without a warm-up.

    Raises:
        UserError: a column or a number is missing in the file.
    """
    if metrics is None:
        return []
    with reading(metrics):  # before anything is computed
        rows = [row for row in read_rows(metrics) if int(row["round"]) <= t]
        return [MetricsRow.read(rows[-1])]
