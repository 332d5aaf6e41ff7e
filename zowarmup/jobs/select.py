"""The job that selects the learning rates of a method: files in, files out."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from zowarmup.common.files import atomic_write_text
from zowarmup.plan.specs import SelectionSpec
from zowarmup.plan.tuning_rule import Choice, Trial, widened
from zowarmup.plan.value import Plain
from zowarmup.runtime.machine import Machine
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.runtime.progress import log
from zowarmup.storage import machines_json, provenance, run_json, selection_json
from zowarmup.storage.folder_lock import exclusive
from zowarmup.training import context, evaluate
from zowarmup.training.selection import Trials

File = Path | str
Candidates = list[dict[str, float]]


def select_rates(
    plain: Plain,
    code: str,
    *,
    data: File,
    federations: Sequence[File],
    selections: Sequence[File],
    selection: File,
    group: ProcessGroup = ALONE,
) -> None:
    """Try all candidates, add some where the best lies at an edge, and write the choice.

    Args:
        plain: a SelectionSpec as plain values.
        federations: one for each tuning seed.
        selections: files of the selections that other rates of the method refer to.
        selection: the file to write, with everything that the choice rests on.
        group: the processes that share the job.
    """
    spec = selection_json.with_rates(SelectionSpec.read(plain), selections)
    files = provenance.files_of_trials(data, federations)
    with exclusive(Path(selection).parent, group) as folder:
        origin = provenance.of(spec, code, files)
        machines = machines_json.enter(folder, origin, group)
        trials, choice, chance = _widened(spec, data, federations, folder, origin, group)
        if group.first:
            _write(selection, trials, choice, chance, origin, machines)
            for left in (folder / "state").glob("pivot-*"):
                shutil.rmtree(left)


def _widened(
    spec: SelectionSpec,
    data: File,
    federations: Sequence[File],
    folder: Path,
    origin: provenance.Provenance,
    group: ProcessGroup,
) -> tuple[list[Trial], Choice, float]:
    """The trials of the grid, and of what lies beyond an edge at which the best one lies."""

    def try_all(candidates: Candidates) -> tuple[list[Trial], float]:
        new = [a for a, rates in spec.axes.items() if {c[a] for c in candidates} - {*rates}]
        if new:
            log.info(f"the best candidate lies at the edge of {', '.join(new)}: widening")
        trials, chance = list[Trial](), 0.0
        for seed, federation in zip(spec.seeds, federations, strict=True):
            own, chance = _trials(spec, seed, data, federation, candidates, folder, origin, group)
            trials += own
        return trials, chance

    return widened(spec.axes, try_all)


def _trials(
    spec: SelectionSpec,
    seed: int,
    data: File,
    federation: File,
    candidates: Candidates,
    folder: Path,
    origin: provenance.Provenance,
    group: ProcessGroup,
) -> tuple[list[Trial], float]:
    """The trials of one tuning seed, and the accuracy of guessing.

    The context is gone before that of the next seed is built.
    """
    ready, seeds = context.build(spec, data, federation, group), spec.seeds_of(seed)
    w = context.start(ready, seeds, None)
    trials = Trials(ready, w, seeds, seed, folder / "state", origin)
    phases = [(rates, spec.candidate(rates)) for rates in candidates]
    return trials.run(phases), evaluate.chance(ready)


def _write(
    output: File,
    trials: list[Trial],
    choice: Choice,
    chance: float,
    origin: provenance.Provenance,
    machines: list[Machine],
) -> None:
    """The choice, beside everything that it rests on."""
    if choice.edges:
        log.warning(
            f"{', '.join(choice.edges)}: the chosen rate lies at the edge of all that were tried; "
            "add candidates beyond it"
        )
    if not choice.trains:
        log.warning("no candidate is better than guessing by two standard errors: nothing trains")
    more = {"trials": [asdict(trial) for trial in trials], "chance": chance}
    more |= {"machines": machines, "versions": run_json.versions()}
    text = json.dumps(asdict(choice) | more | origin, indent=1, sort_keys=True)
    atomic_write_text(output, text + "\n")
