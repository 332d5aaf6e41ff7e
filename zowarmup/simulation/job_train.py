"""The job of a run from its pivot on: files in, files out."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings.files import read_rows
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, record, rows, train, world
from zowarmup.simulation.loop import Tally
from zowarmup.simulation.rates import with_rates

Spec = dict[str, Any]
File = Path | str
TALLY = ("bytes_up", "bytes_down", "forward_passes", "backward_passes")


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
    tally, origin = Tally(), None
    if warmup and warmup_metrics:
        pivot = spec["phases"][0]["rounds"]
        origin, tally = checkpoint.snapshot(warmup, pivot), spent(warmup_metrics, pivot)
    w = world.start(here, seeds, origin)
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
        loss_change_first_10_rounds=end.early_change if math.isfinite(end.early_change) else None,
    )


def spent(metrics: File, pivot: int) -> Tally:
    """What a warm-up has cost up to a round; to its end if it diverged before."""
    row = [row for row in read_rows(metrics) if int(row["round"]) <= pivot][-1]
    return Tally(**{name: int(row[name]) for name in TALLY})
