"""The job of a warm-up: files in, files out."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from zowarmup.plan.pivots.probe import Probe
from zowarmup.plan.specs import WarmupSpec
from zowarmup.plan.value import Plain
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.storage import machines_json, metrics_csv, provenance, run_json, selection_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.training import context, phases, sizes, warmup

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
    probes: File | None = None,
    group: ProcessGroup = ALONE,
) -> None:
    """Train one warm-up and write its snapshots, metrics and run record.

    Args:
        plain: a WarmupSpec as plain values.
        selections: files of the selections that the phase refers to, in their order.
        probes: the file of its probes, for a warm-up that records them.
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
        done = warmup.run(
            ready,
            phase,
            seeds,
            evaluate_every=spec.evaluate_every,
            is_snapshot=spec.is_snapshot,
            folder=folder,
            snapshots=Path(snapshots),
            provenance=origin,
            probes=spec.probes,
        )
        if not group.first:
            return
        outputs = _write(done, metrics, probes) + sorted(Path(snapshots).glob("*.safetensors"))
        facts = origin | sizes.sizes(ready, spec.own_phases)
        run_json.write(run_record, outputs, **facts, machines=machines)


def _write(done: warmup.Trajectory, metrics: File, probes: File | None) -> list[File]:
    """Write metrics.csv and, for a warm-up that records them, probes.csv; return the paths."""
    metrics_csv.write(metrics, [row.columns() for row in done.rows])
    if probes is None:
        return [metrics]
    names = [field.name for field in fields(Probe)]
    metrics_csv.write(probes, [probe.columns() for probe in done.probes], names)
    return [metrics, probes]
