"""The job of a warm-up: files in, files out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.common.seeds import Seeds
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.storage import machines_json, metrics_csv, provenance, run_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.storage.selection_json import with_rates
from zowarmup.training import context, warmup

Spec = dict[str, Any]
File = Path | str


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
    group: ProcessGroup = ALONE,
) -> None:
    """Train one warm-up and write its snapshots, metrics and record."""
    spec = spec | {"phase": with_rates([spec["phase"]], selections)[0]}
    seeds = Seeds.of(seed, spec["pin"])
    with exclusive(Path(metrics).parent, group) as folder:
        here = context.build(spec, data, federation, group)
        files = {"data": data, "federation": federation}
        made_by = provenance.of(spec, code, files, seed=seed, seeds=vars(seeds))
        worked_on = machines_json.enter(folder, made_by, group)
        made = warmup.run(
            here, spec, seeds, folder=folder, snapshots=Path(snapshots), provenance=made_by
        )
        if not group.first:
            return
        metrics_csv.write(metrics, made)
        outputs = [metrics, *sorted(Path(snapshots).glob("*.safetensors"))]
        facts = made_by | context.facts(here, [spec["phase"]])
        run_json.write(run_record, outputs, **facts, machines=worked_on)
