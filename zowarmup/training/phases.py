"""Phases ready to train, with algorithm and clients. A job builds them once from its spec."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from zowarmup.algorithms.rounds import Algorithm, Replayable
from zowarmup.common.errors import UserError
from zowarmup.config import registry
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import Phase, RunSpec, Tier
from zowarmup.training import inputs
from zowarmup.training.context import Context


@dataclass(frozen=True)
class TrainingPhase:
    """One phase of a job.

    Attributes:
        number: the place of the phase in the method, from 1.
        tier, clients: the tier that can take part, and its clients, sorted.
        participation: the share of these clients that takes part in a round.
        first, last: the first and last round, counted from the start of the method.
        catch_up_limit: scalars that a client may have missed before it downloads the model or, in
            FedKSeed, the accumulators; None where a client needs nothing but the next message.
    """

    number: int
    algorithm: Algorithm
    tier: Tier
    clients: tuple[int, ...]
    participation: float
    first: int
    last: int
    catch_up_limit: int | None

    @property
    def rounds(self) -> int:
        """The number of rounds."""
        return self.last - self.first + 1

    def is_end(self, t: int) -> bool:
        """Whether round t is the last of the phase."""
        return t == self.last

    @property
    def has_records(self) -> bool:
        """Whether the rounds leave records; otherwise models travel."""
        return hasattr(self.algorithm, "apply")

    @property
    def replayable(self) -> Replayable:
        """The algorithm of a phase that has records."""
        return cast(Replayable, self.algorithm)


def prepare(
    context: Context, phases: Sequence[Phase], *, after: int = 0, number: int = 1
) -> tuple[TrainingPhase, ...]:
    """Return the phases ready to train, one after the other.

    Args:
        after: the last round before the first phase.
        number: the place of the first phase in the method.

    Raises:
        UserError: a tier that a phase trains has no clients, or there are no images to augment.
    """
    prepared: list[TrainingPhase] = []
    for i, phase in enumerate(phases, start=number):
        own = ready(
            context,
            build(phase),
            name=phase.algorithm,
            number=i,
            tier=phase.clients,
            participation=phase.participation,
            after=after,
            rounds=phase.rounds,
        )
        prepared.append(own)
        after = own.last
    return tuple(prepared)


def ready(
    context: Context,
    algorithm: Algorithm,
    *,
    name: str,
    number: int,
    tier: Tier,
    participation: float,
    after: int,
    rounds: int,
) -> TrainingPhase:
    """Return a phase of an algorithm, ready to train; see `TrainingPhase`.

    Args:
        name: of the algorithm, in messages.
        after: the last round before the phase.

    Raises:
        UserError: the tier has no clients, or there are no images to augment.
    """
    if not (clients := context.tiers[tier]):
        raise UserError(
            f"split: no client is {tier}-resource, but {name} trains these clients; choose another "
            "split"
        )
    algorithm = of_model(algorithm, context.model)
    inputs.check_moves(getattr(algorithm, "augment", None), context.train.raw)
    return TrainingPhase(
        number=number,
        algorithm=algorithm,
        tier=tier,
        clients=clients,
        participation=participation,
        first=after + 1,
        last=after + rounds,
        catch_up_limit=getattr(algorithm, "catch_up_limit", None),
    )


def of_run(context: Context, spec: RunSpec) -> tuple[TrainingPhase, ...]:
    """The phases that the job of a run trains itself."""
    number = len(spec.phases) - len(spec.own_phases) + 1
    return prepare(context, spec.own_phases, after=spec.pivot, number=number)


def build(phase: Phase) -> Algorithm:
    """The algorithm of a phase with its settings."""
    entry = registry.algorithm(phase.algorithm, phase.source)
    algorithm: Algorithm = registry.object_of(entry)(**phase.settings)
    return algorithm


def of_model(algorithm: Algorithm, model: FlatModel) -> Algorithm:
    """The algorithm for a network, if its rounds depend on which parameters the network has."""
    bind = getattr(algorithm, "of_model", None)
    return cast(Algorithm, bind(model)) if bind else algorithm


def has_records(phase: Phase) -> bool:
    """Whether the rounds of a phase leave records, without building its algorithm.

    It reads the class, not the planner's table, so that an edit of the planner makes nothing stale.
    """
    return hasattr(registry.object_of(registry.algorithm(phase.algorithm, phase.source)), "apply")
