"""The job of a warm-up: files in, files out."""

from collections.abc import Sequence
from pathlib import Path

from zowarmup.plan.specs import Plain, WarmupSpec
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.storage import machines_json, metrics_csv, provenance, run_json, selection_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.training import context, phases, warmup

File = Path | str


def warm_up(
    plain: Plain,
    seed: int,
    code: str,
    *,
    data: File,
    federation: File,
    selections: Sequence[File],
    snapshots: File,
    metrics: File,
    run_record: File,
    group: ProcessGroup = ALONE,
) -> None:
    """Train one warm-up and write its snapshots, metrics and run record.

    Args:
        plain: a WarmupSpec as plain values.
        selections: files of the selections that the phase refers to, in their order.
        group: the processes that share the job.
    """
    spec = selection_json.with_rates(WarmupSpec.read(plain), selections)
    seeds = spec.seeds_of(seed)
    with exclusive(Path(metrics).parent, group) as folder:
        ready = context.build(spec, data, federation, group)
        (phase,) = phases.prepare(ready, spec.own_phases)
        files = {"data": data, "federation": federation}
        origin = provenance.of(spec, code, files, seed=seed, seeds=vars(seeds))
        machines = machines_json.enter(folder, origin, group)
        rows = warmup.run(
            ready,
            phase,
            seeds,
            evaluate_every=spec.evaluate_every,
            is_snapshot=spec.is_snapshot,
            folder=folder,
            snapshots=Path(snapshots),
            provenance=origin,
        )
        if not group.first:
            return
        metrics_csv.write(metrics, [row.columns() for row in rows])
        outputs = [metrics, *sorted(Path(snapshots).glob("*.safetensors"))]
        facts = origin | context.sizes(ready, spec.own_phases)
        run_json.write(run_record, outputs, **facts, machines=machines)
