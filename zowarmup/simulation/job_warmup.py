"""The job of a warm-up: files in, files out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import record, rows, trajectory, world
from zowarmup.simulation.ranks import ALONE, Ranks
from zowarmup.simulation.rates import with_rates

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
    here = world.build(spec, data, federation, ranks)
    seeds = Seeds.of(seed, spec["pin"])
    made = trajectory.run(
        here,
        spec,
        seeds,
        folder=Path(metrics).parent,
        snapshots=Path(snapshots),
        belongs_to=record.fingerprint(spec, seed, code, record.sha256(data, federation)),
    )
    if not ranks.first:
        return
    rows.write(metrics, made)
    facts = world.facts(here, [spec["phase"]])
    record.write(run_record, spec=spec, seed=seed, seeds=vars(seeds), code=code, **facts)
