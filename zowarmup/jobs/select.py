"""The job that selects a learning rate: files in, files out."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from zowarmup.common.files import atomic_write_text
from zowarmup.plan.specs import Plain, SelectionSpec
from zowarmup.runtime.machine import Machine
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import checkpoint, machines_json, provenance, run_json, selection_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.training import context, phases
from zowarmup.training.selection import Trial, choose
from zowarmup.training.selection import trials as run_trials

File = Path | str


def select_rate(
    plain: Plain,
    code: str,
    *,
    data: File,
    federations: Sequence[File],
    warmups: Sequence[File],
    selections: Sequence[File],
    selection: File,
    group: ProcessGroup = ALONE,
) -> None:
    """Try a whole grid of learning rates and write the choice with everything it rests on.

    Args:
        plain: a SelectionSpec as plain values.
        federations, warmups: one for each tuning seed; no warmups for a first phase.
        selections: files of the selections that other rates of the phase refer to.
        selection: the file to write.
        group: the processes that share the job.
    """
    spec = selection_json.with_rates(SelectionSpec.read(plain), selections)
    starts = [checkpoint.snapshot(folder, spec.start) for folder in warmups]
    files = provenance.files_of_trials(data, federations, starts)
    with exclusive(Path(selection).parent, group) as folder:
        origin, trials = provenance.of(spec, code, files), list[Trial]()
        machines = machines_json.enter(folder, origin, group)
        for i, seed in enumerate(spec.seeds):
            # A separate function, so that one seed's context is freed before the next is built.
            start = starts[i] if starts else None
            trials += _trials(spec, seed, data, federations[i], start, folder, origin, group)
        if group.first:
            _write(selection, spec, trials, origin, machines)


def _trials(
    spec: SelectionSpec,
    seed: int,
    data: File,
    federation: File,
    start: Path | None,
    folder: Path,
    origin: provenance.Provenance,
    group: ProcessGroup,
) -> list[Trial]:
    """The trials of one tuning seed."""
    ready, seeds = context.build(spec, data, federation, group), spec.seeds_of(seed)
    number = 2 if spec.start else 1
    candidates = [
        (lr, phases.prepare(ready, [spec.phase.but(lr=lr)], after=spec.start, number=number)[0])
        for lr in spec.grid
    ]
    w = context.start(ready, seeds, start)
    state = folder / "state"
    return run_trials(ready, candidates, w, seeds, seed, folder=state, provenance=origin)


def _write(
    output: File,
    spec: SelectionSpec,
    trials: list[Trial],
    origin: provenance.Provenance,
    machines: list[Machine],
) -> None:
    """Write the choice with everything that it rests on."""
    choice = choose(trials)
    if choice.at_edge:
        log.warning(
            f"lr {choice.lr:g} is at the edge of the grid {list(spec.grid)}; "
            "add candidates beyond it"
        )
    grid = [asdict(trial) for trial in trials]
    more = {"grid": grid, "machines": machines, "versions": run_json.versions()}
    text = json.dumps(asdict(choice) | more | origin, indent=1, sort_keys=True)
    atomic_write_text(output, text + "\n")
