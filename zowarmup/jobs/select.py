"""The job that chooses a learning rate: files in, files out."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zowarmup.common.files import atomic_write_text
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.machine import Machine
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import checkpoint, machines_json, provenance, run_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.storage.selection_json import with_rates
from zowarmup.training import context
from zowarmup.training import selection as select

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
    group: ProcessGroup = ALONE,
) -> None:
    """Run a whole grid of learning rates and write the choice with everything it rests on.

    Args:
        federations, warmups: one for each tuning seed; no warmups for a first phase.
        selections: for the rates of the phase that are not the one to be chosen.
    """
    spec = spec | {"phase": with_rates([spec["phase"]], selections)[0]}
    starts = [checkpoint.snapshot(folder, spec["start"]) for folder in warmups]
    files = provenance.files_of_trials(data, federations, starts)
    with exclusive(Path(selection).parent, group) as folder:
        made_by, made = provenance.of(spec, code, files), []
        worked_on = machines_json.enter(folder, made_by, group)
        for i, seed in enumerate(spec["seeds"]):
            # a world that is gone before the next seed's is built
            here = context.build(spec, data, federations[i], group)
            seeds = Seeds.of(seed, spec["pin"])
            w = context.start(here, seeds, starts[i] if starts else None)
            state = folder / "state"
            made += select.trials(here, spec, w, seeds, seed, folder=state, provenance=made_by)
        if group.first:
            _write(selection, made_by, made, worked_on)


def _write(
    selection: File,
    made_by: provenance.Provenance,
    made: list[dict[str, Any]],
    worked_on: list[Machine],
) -> None:
    """The choice, beside everything that it rests on."""
    choice, grid = select.choose(made), made_by["spec"]["grid"]
    if choice["at_edge"]:
        log.warning(f"lr {choice['lr']:g} is the edge of the grid {grid}; widen it")
    facts = (
        choice | {"grid": made, "machines": worked_on, "versions": run_json.versions()} | made_by
    )
    atomic_write_text(selection, json.dumps(facts, indent=1, sort_keys=True) + "\n")
