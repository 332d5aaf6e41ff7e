"""The simulation of a run of real clients, with the same clients missing in each round.

A run in which all clients answered in time is the workflow's run, bit for bit. If some were late
or lost, only a simulation without them in those rounds gives the same bits: this one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from torch import Tensor

from zowarmup.algorithms.answers import Answered
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Algorithm, Cohort, Report, RoundRecord, State
from zowarmup.common.errors import reading
from zowarmup.common.files import read_rows
from zowarmup.common.seeds import Seeds
from zowarmup.flower.remote_rounds import filled
from zowarmup.flower.results import read_missing
from zowarmup.storage import checkpoint, journal
from zowarmup.training import context, loop, phases, replay
from zowarmup.training.costs import Costs
from zowarmup.training.loop import Step
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase

Missing = Mapping[int, Sequence[int]]  # clients by round


@dataclass(frozen=True)
class Models:
    """A phase in which models travel, without the missing clients."""

    method: Algorithm
    missing: Missing

    def begin(self, w: Tensor) -> State:
        """See algorithms.rounds."""
        return self.method.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Average the models of the others."""
        present = cohort.only({*cohort.clients} - {*self.missing.get(t, ())})
        state, report = self.method.round(state, t, present, engine, seeds)
        return state, filled(report, cohort, present)


@dataclass(frozen=True)
class Scalars:
    """A phase in which scalars travel, without the missing clients."""

    method: Answered
    missing: Missing

    def begin(self, w: Tensor) -> State:
        """See algorithms.rounds."""
        return self.method.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take the step of the others' scalars."""
        answers = self.method.answers(state, t, cohort, engine, seeds)
        present = {i: sent for i, sent in answers.items() if i not in self.missing.get(t, ())}
        return self.method.collect(state, t, cohort, present, seeds)

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """See algorithms.rounds."""
        return self.method.apply(state, record, seeds)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """See algorithms.rounds."""
        return self.method.report(cohort, record)


def simulate(real: Path, data: Path, federation: Path, output: Path) -> None:
    """Write the final checkpoint and the journal of the simulation of a server's run.

    Args:
        real: the server's folder of the run.
        output: a folder; its journal has the header of the server's.

    Raises:
        UserError: a file is missing or damaged.
    """
    run, missing = replay.track(real), read_missing(real)
    ready = context.build(run.spec, data, federation)
    step = Step(0, State(context.start(ready, run.seeds, None)), Costs())
    origin = journal.provenance_of(real / "journal.jsonl")
    with journal.Journal(output / "journal.jsonl", origin) as kept:
        for phase in phases.prepare(ready, run.spec.phases):
            if (end := _end(run, phase)) < phase.first:
                break
            own = replace(phase, algorithm=_without(phase, missing))
            begin = loop.begin(ready, own, step.w, step.costs)
            for step in loop.run(ready, own, begin, run.seeds):
                if step.record is not None:
                    kept.append(step.record.to_json())
                if step.t == end:
                    break
    about = ready.about(step.t)
    checkpoint.save(output / "final.safetensors", ready.model, State(step.w), about)


def _end(run: replay.Track, phase: TrainingPhase) -> int:
    """The last round of a phase, or that at or before it in which the server's model diverged."""
    shared = run.start if phase.number == 1 else None  # the snapshot of the warm-up
    folder = shared.parents[1] if shared else run.folder
    with reading(file := folder / "metrics.csv"):
        rows = [row for row in read_rows(file) if int(row["round"]) <= phase.last]
        last = MetricsRow.read(rows[-1])
    return last.round if last.diverged else phase.last


def _without(phase: TrainingPhase, missing: Missing) -> Algorithm:
    if phase.has_records:
        return Scalars(cast(Answered, phase.algorithm), missing)
    return Models(phase.algorithm, missing)
