"""One run: the phases that follow its warm-up, from a snapshot to the final model."""

import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from zowarmup.algorithms.rounds import RoundRecord, State
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import journal as journals
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import evaluate
from zowarmup.training.loop import Step
from zowarmup.training.resume_state import ResumeState

EARLY = 10  # rounds after the pivot over which the change of the loss is reported
JOURNAL = "journal.jsonl"

Spec = Mapping[str, Any]
# (number of the phase from 1, the phase, the step) of each round; returns the last step
Rounds = Generator[tuple[int, Spec, Step], None, Step]


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
    context: Context,
    spec: Spec,
    w: Tensor,
    seeds: Seeds,
    *,
    folder: Path,
    provenance: Provenance,
    costs: Costs,
) -> Outcome:
    """Train all phases after the warm-up from w, the model at the pivot.

    Args:
        folder: where the journal lies, and the state of phases that leave no records; what is there
            of the same origin is gone on from.
        origin: everything that decides the result.
        tally: what the warm-up has cost.
    """
    skipped = 1 if spec["warmup"] else 0
    pivot = sum(phase["rounds"] for phase in spec["phases"][:skipped])
    end = sum(phase["rounds"] for phase in spec["phases"])
    outcome = Outcome(w, pivot)
    if not skipped:  # else the warm-up has this row
        start = Step(0, State(w), costs)
        outcome.rows.append(loop.row(context, spec["phases"][0], 1, start))
    before = evaluate(context, w)["train_loss"]
    progress = Progress("run", end, folder if context.group.first else None)
    with journals.shared_rounds(folder / JOURNAL, provenance, context.group) as (
        count,
        known,
        keep,
    ):
        if count:
            log.info(f"replaying {count} rounds from the journal")
        phases = _Phases(context, spec, folder, provenance, seeds)
        for number, phase, step in phases.steps(outcome, count, known, costs):
            if step.record is not None:
                keep(step.record)
            outcome.w, outcome.t = step.w, step.t
            if step.t == pivot + EARLY:
                outcome.early_change = evaluate(context, step.w)["train_loss"] - before
            if step.t % spec["evaluate_every"] == 0 or step.t == end:
                outcome.rows.append(loop.row(context, phase, number, step))
                progress.note(outcome.rows[-1])
                if outcome.rows[-1]["diverged"]:
                    break
            progress.step(step.t)
    return outcome


class _Phases:
    """The phases after the warm-up, each going on from what it has left: records or its state."""

    def __init__(
        self, context: Context, spec: Spec, folder: Path, provenance: Provenance, seeds: Seeds
    ) -> None:
        self.context, self.phases, self.seeds = context, spec["phases"], seeds
        self.skipped = 1 if spec["warmup"] else 0
        self.ends = list(itertools.accumulate(phase["rounds"] for phase in self.phases))
        self.saved = {
            n: ResumeState(
                folder / "state" / f"phase-{n + 1}", provenance, context, spec, _is(self.ends[n])
            )
            for n in range(self.skipped, len(self.phases))
            if not loop.has_records(self.phases[n])
        }

    def steps(
        self, outcome: Outcome, count: int, known: Iterator[RoundRecord], costs: Costs
    ) -> Rounds:
        """Every round that is left; `outcome` is what the reader makes of them.

        Where a phase goes on from its state, `outcome` is set to what it was then.

        Args:
            known: the `count` records of the journal.
        """
        step, resumed = Step(outcome.t, State(outcome.w), costs), self._resumed(count)
        for n in range(self.skipped, len(self.phases)):
            if n in self.saved and n >= resumed:
                step = yield from self._travelling(n, step, outcome, n == resumed)
            elif n not in self.saved:
                mine = itertools.islice(known, self.phases[n]["rounds"])
                if n < resumed:
                    deque(mine, maxlen=0)  # the state of a later phase holds what came of them
                else:
                    step = yield from self._recorded(n, step, mine)
        return step

    def _resumed(self, count: int) -> int:
        """The last phase that can go on from its state: all records before it must be there."""
        found = -1
        for n in range(self.skipped, len(self.phases)):
            if n not in self.saved:
                count -= self.phases[n]["rounds"]
            elif self.saved[n].found and count >= 0:
                found = n
        return found

    def _recorded(self, n: int, step: Step, known: Iterator[RoundRecord]) -> Rounds:
        step = self._begin(n, step)
        steps = loop.after(self.context, self.phases[n], step, self.seeds, self.ends[n], known)
        for step in steps:
            yield n + 1, self.phases[n], step
        return step

    def _travelling(self, n: int, step: Step, outcome: Outcome, resumed: bool) -> Rounds:
        with self.saved[n] as saved:
            if resumed:
                step = saved.step()
                outcome.w, outcome.t = step.w, step.t
                outcome.rows, outcome.early_change = (
                    saved.found["rows"],
                    saved.found["early_change"],
                )
                log.info(f"going on after round {step.t}")
            else:
                step = self._begin(n, step)
            steps = loop.after(self.context, self.phases[n], step, self.seeds, self.ends[n])
            for step in steps:
                yield n + 1, self.phases[n], step
                saved.offer(step, rows=list(outcome.rows), early_change=outcome.early_change)
        return step

    def _begin(self, n: int, step: Step) -> Step:
        follows = self.phases[n - 1] if n > self.skipped else None
        return Step(step.t, *loop.begin(self.context, self.phases[n], step.w, step.costs, follows))


def _is(end: int) -> Callable[[int], bool]:
    return lambda t: t == end
