"""The loop over the rounds of a phase. Pure bookkeeping around `Algorithm.round`."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

from torch import Tensor

from zowarmup.algorithms.rounds import Algorithm, Cohort, Replayable, Report
from zowarmup.models.directions import permutations
from zowarmup.settings import registry
from zowarmup.settings.seeds import Seeds, key
from zowarmup.simulation.catch_up import Absences
from zowarmup.simulation.evaluate import evaluate
from zowarmup.simulation.world import World

# Settings of a phase that are the loop's, not the algorithm's.
LOOP = ("algorithm", "clients", "rounds", "participation", "catch_up_limit")

# Training has failed when the loss of those who train is this many times that of guessing.
DIVERGED = 10.0

Phase = Mapping[str, Any]
Record = dict[str, Any]


@dataclass(frozen=True)
class Tally:
    """What all rounds so far have cost, all clients together; a pass is one image's."""

    bytes_up: int = 0
    bytes_down: int = 0
    forward_passes: int = 0
    backward_passes: int = 0

    def add(self, report: Report) -> "Tally":
        """The tally after one more round."""
        return Tally(
            self.bytes_up + report.bytes_up,
            self.bytes_down + report.bytes_down,
            self.forward_passes + report.forward,
            self.backward_passes + report.backward,
        )

    def sent(self, size: int) -> "Tally":
        """The tally after clients downloaded `size` bytes outside of a round's own messages."""
        return replace(self, bytes_down=self.bytes_down + size)


@dataclass(frozen=True)
class Step:
    """The state after round t."""

    t: int
    w: Tensor
    tally: Tally
    record: Record | None  # None where models travel, and where the record came from the journal


def algorithm(phase: Phase) -> Algorithm:
    """The algorithm that a phase's settings describe."""
    own = {name: value for name, value in phase.items() if name not in LOOP}
    made: Algorithm = registry.load(registry.ALGORITHMS, phase["algorithm"])(**own)
    return made


def cohort(world: World, phase: Phase, t: int, seeds: Seeds) -> Cohort:
    """Who takes part in round t: a share of the phase's tier, a function of (seed, t) alone."""
    tier = world.tiers[phase["clients"]]
    count = max(1, round(phase["participation"] * len(tier)))
    chosen = tier
    if count < len(tier):
        order = permutations(key("cohort", seeds.federation), (t,), [0], len(tier))[0]
        chosen = tuple(sorted(tier[i] for i in order[:count].tolist()))
    return Cohort(chosen, tuple(world.sizes[client] for client in chosen))


def run(
    world: World,
    phase: Phase,
    w: Tensor,
    seeds: Seeds,
    *,
    first: int,
    tally: Tally,
    known: Sequence[Record] = (),
) -> Iterator[Step]:
    """The rounds of a phase from w, the first of them being round `first`.

    Args:
        known: records of the first rounds from the journal; those are replayed, not trained.
    """
    method = algorithm(phase)
    replayable = cast(Replayable, method)  # only such a phase has records in its journal
    absences = _absences(world, phase)
    last = first + phase["rounds"] - 1
    for t in range(first, last + 1):
        members = cohort(world, phase, t, seeds)
        record = known[t - first] if t - first < len(known) else None
        if record is None:
            w, report = method.round(w, t, members, world.engine, seeds)
        else:
            w, report = replayable.apply(w, record, seeds), replayable.report(members, record)
        tally = tally.add(report)
        if absences:
            tally = tally.sent(absences.round(members.clients, report.bytes_up))
            tally = tally.sent(absences.finish() if t == last else 0)
        yield Step(t, w, tally, report.record if record is None else None)


def enter(world: World, phase: Phase, tally: Tally) -> Tally:
    """The tally once all clients of a phase of records have the model that it starts from."""
    absences = _absences(world, phase)
    return tally.sent(len(absences.synced) * absences.model_bytes) if absences else tally


def has_records(phase: Phase) -> bool:
    """Whether the rounds of a phase leave records; in the other phases models travel."""
    return "catch_up_limit" in phase


def _absences(world: World, phase: Phase) -> Absences | None:
    if not has_records(phase):  # whoever comes back downloads a model anyway
        return None
    return Absences(world.tiers[phase["clients"]], 4 * world.model.d, phase["catch_up_limit"])


def row(world: World, phase: Phase, number: int, step: Step) -> dict[str, Any]:
    """The step as a row of metrics.csv; `number` counts phases from 1."""
    measured = evaluate(world, step.w)
    return {
        "phase": number,
        "round": step.t,
        **measured,
        **asdict(step.tally),
        "diverged": diverged(world, phase, measured),
    }


def diverged(world: World, phase: Phase, measured: Mapping[str, float]) -> bool:
    """Whether those who train have lost it: a loss that is not finite or far above guessing."""
    suffix = {"all": "", "high": "_high", "low": "_low"}[phase["clients"]]
    return not measured["train_loss" + suffix] < DIVERGED * math.log(world.classes)
