"""The job that chooses a learning rate: files in, files out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.settings.files import atomic_write_text
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import checkpoint, select, world
from zowarmup.simulation.progress import log
from zowarmup.simulation.ranks import ALONE, Ranks
from zowarmup.simulation.rates import with_rates

Spec = dict[str, Any]
File = Path | str


def select_rate(
    spec: Spec,
    code: str,
    *,
    data: File,
    federations: Sequence[File],
    warmups: Sequence[File],
    selections: Sequence[File],
    selection: File,
    ranks: Ranks = ALONE,
) -> None:
    """Run a whole grid of learning rates and write the choice with everything it rests on.

    Args:
        federations, warmups: one for each tuning seed; no warmups for a first phase.
        selections: for the rates of the phase that are not the one to be chosen.
    """
    spec = spec | {"phase": with_rates([spec["phase"]], selections)[0]}
    made = []
    for i, seed in enumerate(spec["seeds"]):
        snapshot = checkpoint.snapshot(warmups[i], spec["start"]) if warmups else None
        made += _trials(spec, seed, data, federations[i], snapshot, ranks)
    if not ranks.first:
        return
    choice = select.choose(made)
    if choice["at_edge"]:
        log.warning(f"lr {choice['lr']:g} is the edge of the grid {spec['grid']}; widen it")
    text = json.dumps(choice | {"grid": made, "spec": spec, "code": code}, indent=1, sort_keys=True)
    atomic_write_text(selection, text + "\n")


def _trials(
    spec: Spec, seed: int, data: File, federation: File, snapshot: Path | None, ranks: Ranks
) -> list[dict[str, Any]]:
    """The grid for one tuning seed, in a world that is gone before the next seed's is built."""
    here = world.build(spec, data, federation, ranks)
    seeds = Seeds.of(seed, spec["pin"])
    return select.trials(here, spec, world.start(here, seeds, snapshot), seeds, seed)
