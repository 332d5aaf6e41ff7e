"""One run: the phases that follow its warm-up, from a snapshot to the final model."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.settings.seeds import Seeds
from zowarmup.simulation import journal as journals
from zowarmup.simulation import loop
from zowarmup.simulation.evaluate import evaluate
from zowarmup.simulation.loop import Record, Step
from zowarmup.simulation.progress import Progress, log
from zowarmup.simulation.tally import Tally
from zowarmup.simulation.world import World

EARLY = 10  # rounds after the pivot over which the change of the loss is reported

Spec = Mapping[str, Any]


@dataclass
class Outcome:
    """What a run leaves behind.

    Attributes:
        w: the final model.
        t: the round it is of.
        rows: of metrics.csv.
        early_change: training loss of all clients EARLY rounds after the pivot minus that at the
            pivot; NaN if the run ended before.
    """

    w: Tensor
    t: int
    rows: list[dict[str, Any]] = field(default_factory=list)
    early_change: float = float("nan")


def run(
    world: World,
    spec: Spec,
    w: Tensor,
    seeds: Seeds,
    *,
    journal: Path,
    belongs_to: str,
    tally: Tally,
) -> Outcome:
    """Train all phases after the warm-up from w, the model at the pivot.

    Args:
        journal: where the records lie; a journal of the same fingerprint is replayed first.
        belongs_to: fingerprint of everything that decides the result.
        tally: what the warm-up has cost.

    Raises:
        JournalError: an older record is damaged.
        UserError: another process trains this run.
    """
    skipped = 1 if spec["warmup"] else 0
    pivot = sum(phase["rounds"] for phase in spec["phases"][:skipped])
    end = sum(phase["rounds"] for phase in spec["phases"])
    outcome = Outcome(w, pivot)
    if not skipped:  # else the warm-up has this row
        start = Step(0, State(w), tally)
        outcome.rows.append(loop.row(world, spec["phases"][0], 1, start))
    before = evaluate(world, w)["train_loss"]
    progress = Progress("run", end)
    with journals.shared(journal, belongs_to, world.ranks) as (count, known, keep):
        if count:
            log.info(f"replaying {count} rounds from the journal")
        steps = _steps(world, spec["phases"][skipped:], outcome, seeds, known, tally)
        for number, phase, step in steps:
            if step.record is not None:
                keep(step.record)
            outcome.w, outcome.t = step.w, step.t
            if step.t == pivot + EARLY:
                outcome.early_change = evaluate(world, step.w)["train_loss"] - before
            if step.t % spec["evaluate_every"] == 0 or step.t == end:
                outcome.rows.append(loop.row(world, phase, number + skipped, step))
                progress.note(outcome.rows[-1])
                if outcome.rows[-1]["diverged"]:
                    break
            progress.step(step.t)
    return outcome


def _steps(
    world: World,
    phases: Sequence[Mapping[str, Any]],
    start: Outcome,
    seeds: Seeds,
    known: Iterator[Record],
    tally: Tally,
) -> Iterator[tuple[int, Mapping[str, Any], Step]]:
    """(number of the phase, the phase, the step) for every round."""
    w, t = start.w, start.t
    before = [None, *phases]
    for number, phase in enumerate(phases, start=1):
        state, tally = loop.begin(world, phase, w, tally, before[number - 1])
        count = phase["rounds"] if loop.has_records(phase) else 0
        mine = itertools.islice(known, count)
        for step in loop.run(world, phase, state, seeds, first=t + 1, tally=tally, known=mine):
            yield number, phase, step
        w, t, tally = step.w, step.t, step.tally
