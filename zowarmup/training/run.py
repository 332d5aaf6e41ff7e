"""One run: the phases that follow its warm-up, from a snapshot to the final model."""

import itertools
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.resume_state import ResumeState

EARLY = 10  # rounds after the pivot over which the change of the loss is reported
JOURNAL = "journal.jsonl"

# (the phase, the step) of each round; returns the last step
Rounds = Generator[tuple[TrainingPhase, Step], None, Step]


@dataclass
class Outcome:
    """The result of a run.

    Attributes:
        w: the final model.
        t: the round of the final model.
        rows: the rows of metrics.csv.
        early_change: training loss of all clients EARLY rounds after the pivot, minus the loss at
            the pivot; NaN if the run ended before.
    """

    w: Tensor
    t: int
    rows: list[MetricsRow] = field(default_factory=list)
    early_change: float = float("nan")


def run(
    context: Context,
    phases: Sequence[TrainingPhase],
    w: Tensor,
    seeds: Seeds,
    evaluate_every: int,
    *,
    folder: Path,
    provenance: Provenance,
    costs: Costs,
) -> Outcome:
    """Train the phases from w, the model before the first phase.

    Args:
        folder: holds the journal, and the resume states of phases that leave no records; work of
            the same provenance is resumed.
        provenance: everything that decides the result.
        costs: of the warm-up.
    """
    pivot, end = phases[0].first - 1, phases[-1].last
    outcome = Outcome(w, pivot)
    if phases[0].number == 1:  # else the warm-up has this row
        outcome.rows.append(loop.row(context, phases[0], Step(0, State(w), costs)))
    before = evaluate(context, w).train_loss
    progress = Progress("run", end, folder if context.group.first else None)
    with journals.shared_rounds(folder / JOURNAL, provenance, context.group) as (
        count,
        records,
        keep,
    ):
        if count:
            log.info(f"replaying {count} rounds from the journal")
        sequence = _Phases(context, phases, folder, provenance, seeds)
        for phase, step in sequence.steps(outcome, count, records, costs):
            if step.record is not None:
                keep(step.record)
            outcome.w, outcome.t = step.w, step.t
            if step.t == pivot + EARLY:
                outcome.early_change = evaluate(context, step.w).train_loss - before
            if step.t % evaluate_every == 0 or step.t == end:
                outcome.rows.append(loop.row(context, phase, step))
                progress.note(outcome.rows[-1].columns())
                if outcome.rows[-1].diverged:
                    break
            progress.step(step.t)
    return outcome


class _Phases:
    """The phases one after the other, each resumed from its records or its resume state."""

    def __init__(
        self,
        context: Context,
        phases: Sequence[TrainingPhase],
        folder: Path,
        provenance: Provenance,
        seeds: Seeds,
    ) -> None:
        self.context, self.phases, self.seeds = context, phases, seeds
        self.saved = {
            phase.number: ResumeState(
                folder / "state" / f"phase-{phase.number}", provenance, context, phase.is_end
            )
            for phase in phases
            if not phase.has_records
        }

    def steps(
        self, outcome: Outcome, count: int, records: Iterator[RoundRecord], costs: Costs
    ) -> Rounds:
        """Yield every remaining round; the caller updates `outcome` after each.

        If a phase resumes from its state, `outcome` is set to the saved values.

        Args:
            records: the `count` records of the journal, in order.
        """
        step, resumed = Step(outcome.t, State(outcome.w), costs), self._resumed(count)
        follows: TrainingPhase | None = None
        for phase in self.phases:
            if phase.has_records:
                own = itertools.islice(records, phase.rounds)
                if phase.number < resumed:
                    deque(own, maxlen=0)  # the state of a later phase holds their result
                else:
                    step = yield from self._recorded(phase, step, own, follows)
            elif phase.number >= resumed:
                resumes = phase.number == resumed
                step = yield from self._travelling(phase, step, outcome, resumes, follows)
            follows = phase
        return step

    def _resumed(self, count: int) -> int:
        """Return the last phase that can resume from its state, which needs all earlier records."""
        last = -1
        for phase in self.phases:
            if phase.has_records:
                count -= phase.rounds
            elif self.saved[phase.number].state and count >= 0:
                last = phase.number
        return last

    def _recorded(
        self,
        phase: TrainingPhase,
        step: Step,
        records: Iterator[RoundRecord],
        follows: TrainingPhase | None,
    ) -> Rounds:
        step = loop.begin(self.context, phase, step.w, step.costs, follows)
        steps = loop.run(self.context, phase, step, self.seeds, records)
        for step in steps:
            yield phase, step
        return step

    def _travelling(
        self,
        phase: TrainingPhase,
        step: Step,
        outcome: Outcome,
        resumes: bool,
        follows: TrainingPhase | None,
    ) -> Rounds:
        with self.saved[phase.number] as saved:
            if resumes and saved.state:
                step = saved.step()
                outcome.w, outcome.t = step.w, step.t
                outcome.rows = list(saved.state.rows)
                outcome.early_change = saved.state.early_change
                log.info(f"resuming after round {step.t}")
            else:
                step = loop.begin(self.context, phase, step.w, step.costs, follows)
            steps = loop.run(self.context, phase, step, self.seeds)
            for step in steps:
                yield phase, step
                saved.offer(step, outcome.rows, outcome.early_change)
        return step
