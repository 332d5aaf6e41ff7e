"""The loop over the rounds of a phase. Pure bookkeeping around `Algorithm.round`."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from torch import Tensor

from zowarmup.algorithms.rounds import Algorithm, Cohort, Replayable, Report, RoundRecord, State
from zowarmup.common import signals
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds, key
from zowarmup.config import registry
from zowarmup.models.directions import permutations
from zowarmup.storage import journal
from zowarmup.training.catch_up import Absences
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import evaluate
from zowarmup.training.gradient_quality import NOTHING, quality

# Settings of a phase that are the loop's, not the algorithm's.
LOOP = ("algorithm", "clients", "rounds", "participation")

# Training has failed when the loss of those who train is this many times that of guessing.
DIVERGED = 10.0

Phase = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """What there is after round t.

    Attributes:
        before: the model before the round, None where there was no round.
        record: None where models travel, and where the record came from the journal.
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


def algorithm(phase: Phase) -> Algorithm:
    """The algorithm that a phase's settings describe."""
    own = {name: value for name, value in phase.items() if name not in LOOP}
    made: Algorithm = registry.load(registry.ALGORITHMS, phase["algorithm"])(**own)
    return made


def cohort(context: Context, phase: Phase, t: int, seeds: Seeds) -> Cohort:
    """Who takes part in round t: a share of the phase's tier, a function of (seed, t) alone."""
    tier = context.tiers[phase["clients"]]
    if not tier:
        raise UserError(f"split: no client is {phase['clients']}-resource; choose another")
    count = max(1, round(phase["participation"] * len(tier)))
    chosen = tier
    if count < len(tier):
        order = permutations(key("cohort", seeds.federation), (t,), [0], len(tier))[0]
        chosen = tuple(sorted(tier[i] for i in order[:count].tolist()))
    sizes = tuple(context.sizes[client] for client in chosen)
    return Cohort(chosen, sizes, low(context) & frozenset(chosen))


def low(context: Context) -> frozenset[int]:
    """All low-resource clients; none in a run that does not depend on who is one."""
    return frozenset(context.tiers.get("low", ()))


def run(
    context: Context,
    phase: Phase,
    state: State,
    seeds: Seeds,
    *,
    first: int,
    costs: Costs,
    known: Iterable[RoundRecord] = (),
) -> Iterator[Step]:
    """The rounds of a phase from a state of it, the first of them being round `first`.

    Args:
        known: records of the first rounds from the journal; those are replayed, not trained.
    """
    method = algorithm(phase)
    replayable = cast(Replayable, method)  # only such a phase has records in its journal
    away, recorded = absences(context, phase, state), iter(known)
    last = first + phase["rounds"] - 1
    for t in range(first, last + 1):
        signals.check()
        members, before = cohort(context, phase, t, seeds), state.w
        record = next(recorded, None)
        if record is None:
            state, report = method.round(state, t, members, context.engine, seeds)
        else:
            record.check(t, members)
            state = journal.applied(state, record, replayable, seeds)
            report = replayable.report(members, record)
        costs = counted(context, costs, report, members, away, t == last)
        new = report.record if record is None else None
        yield Step(t, state, costs, before, new, report.drift)


def after(
    context: Context,
    phase: Phase,
    step: Step,
    seeds: Seeds,
    end: int,
    known: Iterable[RoundRecord] = (),
) -> Iterator[Step]:
    """The rounds of a phase that follow a step of it, up to round `end`."""
    left = {**phase, "rounds": end - step.t}
    first = step.t + 1
    return run(context, left, step.state, seeds, first=first, costs=step.costs, known=known)


def begin(
    context: Context, phase: Phase, w: Tensor, costs: Costs, follows: Phase | None = None
) -> tuple[State, Costs]:
    """The state at the start of a phase, and the tally once everybody has what it takes.

    Where models travel that is nothing; before a phase of records all its clients get the model,
    unless the phase that it follows has left all of them with it.
    """
    state = algorithm(phase).begin(w)
    if not has_records(phase) or (follows and _in_sync(follows, phase)):
        return state, costs
    model = dict.fromkeys(context.tiers[phase["clients"]], 4 * context.model.d)
    return state, costs.sent(model, low(context))


def _in_sync(follows: Phase, phase: Phase) -> bool:
    """Whether everybody of a phase has caught up at the end of the one before."""
    return "catch_up_limit" in follows and follows["clients"] in ("all", phase["clients"])


def has_records(phase: Phase) -> bool:
    """Whether the rounds of a phase leave records; in the other phases models travel."""
    return hasattr(registry.load(registry.ALGORITHMS, phase["algorithm"]), "apply")


def counted(
    context: Context,
    costs: Costs,
    report: Report,
    members: Cohort,
    away: Absences | None,
    ends: bool,
) -> Costs:
    """The tally after a round, with what those who were away before, or are at its end, download.

    Args:
        ends: whether it is the last round of its phase.
    """
    costs = costs.add(report, members)
    if away is None:
        return costs
    costs = costs.sent(away.round(members.clients, sum(report.bytes_up)), low(context))
    return costs.sent(away.finish() if ends else {}, low(context))


def absences(context: Context, phase: Phase, state: State) -> Absences | None:
    """None where whoever comes back downloads what it needs in any round's messages."""
    if "catch_up_limit" not in phase:
        return None
    size = sum(4 * kept.numel() for kept in (state.w, *state.server.values()) if kept.dim())
    return Absences(context.tiers[phase["clients"]], size, phase["catch_up_limit"])


def row(context: Context, phase: Phase, number: int, step: Step) -> dict[str, Any]:
    """The step as a row of metrics.csv; `number` counts phases from 1."""
    measured = evaluate(context, step.w)
    return {
        "phase": number,
        "round": step.t,
        **measured,
        **asdict(step.costs),
        "drift": step.drift,
        **_quality(context, phase, step),
        "diverged": diverged(context, phase, measured),
    }


def _quality(context: Context, phase: Phase, step: Step) -> dict[str, float]:
    """Of a zeroth-order round; nothing to say of others."""
    if step.before is None or not has_records(phase):
        return NOTHING
    return quality(context, context.tiers[phase["clients"]], step.before, step.w)


def diverged(context: Context, phase: Phase, measured: Mapping[str, float]) -> bool:
    """Whether those who train have lost it: a loss that is not finite or far above guessing."""
    suffix = {"all": "", "high": "_high", "low": "_low"}[phase["clients"]]
    return not measured["train_loss" + suffix] < DIVERGED * math.log(context.classes)
