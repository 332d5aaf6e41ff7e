"""The job of a warm-up: files in, files out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import machines, origin, record, rows, trajectory, world
from zowarmup.simulation.ranks import ALONE, Ranks
from zowarmup.simulation.rates import with_rates
from zowarmup.simulation.workplace import workplace

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
    ranks: Ranks = ALONE,
) -> None:
    """Train one warm-up and write its snapshots, metrics and record."""
    spec = spec | {"phase": with_rates([spec["phase"]], selections)[0]}
    seeds = Seeds.of(seed, spec["pin"])
    with workplace(Path(metrics).parent, ranks) as folder:
        here = world.build(spec, data, federation, ranks)
        files = {"data": data, "federation": federation}
        made_by = origin.of(spec, code, files, seed=seed, seeds=vars(seeds))
        worked_on = machines.enter(folder, made_by, ranks)
        made = trajectory.run(
            here, spec, seeds, folder=folder, snapshots=Path(snapshots), origin=made_by
        )
        if not ranks.first:
            return
        rows.write(metrics, made)
        outputs = [metrics, *sorted(Path(snapshots).glob("*.safetensors"))]
        facts = made_by | world.facts(here, [spec["phase"]])
        record.write(run_record, outputs, **facts, machines=worked_on)
