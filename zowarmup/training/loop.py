"""The loop over the rounds of a phase. Pure bookkeeping around `Algorithm.round`."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.common import signals
from zowarmup.common.seeds import Seeds, key
from zowarmup.models.directions import permutations
from zowarmup.storage import journal
from zowarmup.training.catch_up import Absences
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import evaluate
from zowarmup.training.gradient_quality import Quality, quality
from zowarmup.training.metrics_row import MetricsRow
from zowarmup.training.phases import TrainingPhase

# Training has failed if the training clients' loss is this many times the loss of guessing.
DIVERGED = 10.0


@dataclass(frozen=True)
class Step:
    """The state after round t.

    Attributes:
        before: the iterate before the round, None where there was no round.
        record: the new record of the round; None if models travel or the journal has the record.
        drift: see algorithms.rounds.Report.
    """

    t: int
    state: State
    costs: Costs
    before: Tensor | None = None
    record: RoundRecord | None = None
    drift: float = float("nan")

    @property
    def w(self) -> Tensor:
        """The global model."""
        return self.state.w


def cohort(context: Context, phase: TrainingPhase, t: int, seeds: Seeds) -> Cohort:
    """Return the clients of round t, a share of the phase's tier fixed by (seed, t) alone."""
    tier = phase.clients
    count = max(1, round(phase.participation * len(tier)))
    chosen = tier
    if count < len(tier):
        order = permutations(key("cohort", seeds.federation), (t,), [0], len(tier))[0]
        chosen = tuple(sorted(tier[i] for i in order[:count].tolist()))
    sizes = tuple(context.sizes[client] for client in chosen)
    return Cohort(chosen, sizes, context.low & frozenset(chosen))


def run(
    context: Context,
    phase: TrainingPhase,
    step: Step,
    seeds: Seeds,
    records: Iterable[RoundRecord] = (),
) -> Iterator[Step]:
    """Run the rounds of a phase that follow `step`, and yield the step of each.

    Args:
        records: of the next rounds, from the journal; these rounds are replayed, not trained.

    Raises:
        RecordError: a record is of another round or of other clients than expected.
    """
    state, costs = step.state, step.costs
    away, recorded = absences(phase, state), iter(records)
    for t in range(step.t + 1, phase.last + 1):
        signals.check()
        members, before = cohort(context, phase, t, seeds), state.iterate
        record = next(recorded, None)
        if record is None:
            state, report = phase.algorithm.round(state, t, members, context.engine, seeds)
        else:
            record.check(t, members)
            state = journal.applied(state, record, phase.replayable, seeds)
            report = phase.replayable.report(members, record)
        costs = counted(context, costs, report, members, away, t == phase.last)
        new = report.record if record is None else None
        yield Step(t, state, costs, before, new, report.drift)


def begin(
    context: Context,
    phase: TrainingPhase,
    w: Tensor,
    costs: Costs,
    follows: TrainingPhase | None = None,
) -> Step:
    """Return the step before a phase's first round, with the costs of sending w to its clients.

    A phase in which models travel has no such costs. Before a phase with records all its clients
    download the model, unless the phase before has left all of them with the model.
    """
    step = Step(phase.first - 1, phase.algorithm.begin(w), costs)
    if not phase.has_records or (follows and _in_sync(follows, phase)):
        return step
    downloads = dict.fromkeys(phase.clients, 4 * context.model.d)
    return Step(step.t, step.state, costs.sent(downloads, context.low))


def _in_sync(follows: TrainingPhase, phase: TrainingPhase) -> bool:
    """Whether every client of a phase has caught up at the end of the phase before."""
    return follows.catch_up_limit is not None and follows.tier in ("all", phase.tier)


def counted(
    context: Context,
    costs: Costs,
    report: Report,
    members: Cohort,
    away: Absences | None,
    ends: bool,
) -> Costs:
    """Return the costs after a round, with the downloads of clients that catch up.

    Args:
        ends: whether the round is the last of its phase, after which all clients catch up.
    """
    costs = costs.add(report, members)
    if away is None:
        return costs
    costs = costs.sent(away.round(members.clients, report.record_bytes), context.low)
    return costs.sent(away.finish() if ends else {}, context.low)


def absences(phase: TrainingPhase, state: State) -> Absences | None:
    """Count the absences; None if a client that comes back downloads only the next message."""
    if phase.catch_up_limit is None:
        return None
    size = sum(kept.nbytes for kept in state.of_clients if kept.dim())
    size = getattr(phase.algorithm, "catch_up_bytes", size)  # FedKSeed's accumulators
    return Absences(phase.clients, size, phase.catch_up_limit)


def row(context: Context, phase: TrainingPhase, step: Step) -> MetricsRow:
    """Evaluate a step; return a row of metrics.csv."""
    measured = evaluate(context, step.w)
    of_step = Quality()
    if step.before is not None and phase.has_records:
        of_step = quality(context, phase.clients, step.before, step.state.iterate)
    return MetricsRow(
        phase=phase.number,
        round=step.t,
        measured=measured,
        costs=step.costs,
        drift=step.drift,
        gradient_cosine=of_step.gradient_cosine,
        dissimilarity=of_step.dissimilarity,
        diverged=diverged(context, measured.loss_of(phase.tier)),
    )


def diverged(context: Context, loss: float) -> bool:
    """Whether training has failed: its clients' loss is not finite, or far above guessing."""
    return not loss < DIVERGED * math.log(context.classes)
