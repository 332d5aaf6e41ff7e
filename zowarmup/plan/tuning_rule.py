"""The tuning rule: how the learning rates of a method are chosen, all of them together.

Every candidate, one rate for each axis, trains the whole method on tuning seeds that are never
evaluated. The candidate of the highest held-out accuracy of all clients after the last round wins,
among those at which no seed diverges, nor at the next larger rate of any axis: accuracy often rises
up to the rate at which training fails, and other seeds fail a little earlier.
The held-out loss is shown but never decides: where classes are missing in the warm-up, it is lowest
for a model that has hardly been trained. Test images choose nothing. In a real federation each
client sends one 4-byte accuracy for each candidate and seed.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from pydantic import TypeAdapter

from zowarmup.common.errors import UserError

TIE = 0.005  # accuracies closer than half a point to the best one are equal
WIDENINGS = 2  # how often a best value at the edge of the grid adds candidates beyond it
LATE = 50  # rounds at the end whose mean accuracy decides between equals

ROUNDING = 1e-9  # of a mean of accuracies

Candidate = Mapping[str, float]  # rate by axis, such as {"1.lr": 0.1, "2.lr": 0.02}
Key = tuple[tuple[str, float], ...]  # a candidate's rates by axis, sorted


@dataclass(frozen=True)
class Trial:
    """The result of a candidate for one tuning seed.

    Attributes:
        accuracy: of all clients' held-out images together, after the last round; None if the
            training diverged.
        late: the mean accuracy over the last rounds.
        loss: the held-out loss after the last round.
    """

    rates: dict[str, float]
    seed: int
    accuracy: float | None = None
    late: float | None = None
    loss: float | None = None

    @property
    def candidate(self) -> Key:
        """The same for all trials of a candidate: a file may give its rates in another order."""
        return tuple(sorted(self.rates.items()))

    @classmethod
    def read(cls, entry: Mapping[str, object]) -> "Trial":
        """The trial that a line of a journal or a row of a file holds."""
        return TypeAdapter(cls).validate_python(entry)


Tried = tuple[list[Trial], float]  # the trials, and the accuracy of guessing


@dataclass(frozen=True)
class Choice:
    """The result of a selection.

    Attributes:
        accuracy, late, loss: means over the tuning seeds of the chosen candidate.
        edges: the axes whose chosen rate is the smallest or largest one that was tried.
        tried: the number of candidates.
        trains: whether the chosen candidate is better than guessing by two standard errors.
    """

    rates: dict[str, float]
    accuracy: float
    late: float
    loss: float
    edges: tuple[str, ...]
    tried: int
    trains: bool


@dataclass(frozen=True)
class _Scored:
    """A candidate that diverged on no seed."""

    rates: dict[str, float]
    accuracies: list[float]
    late: float
    loss: float
    accuracy: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "accuracy", fmean(self.accuracies))

    def above(self, chance: float) -> bool:
        """Whether the accuracy exceeds that of guessing by two standard errors over the seeds."""
        n = len(self.accuracies)
        error = stdev(self.accuracies) / math.sqrt(n) if n > 1 else 0.0
        return self.accuracy - chance > 2 * error + ROUNDING


def product(axes: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """All candidates of a grid, the last axis fastest."""
    return [dict(zip(axes, rates, strict=True)) for rates in itertools.product(*axes.values())]


def choose(trials: Sequence[Trial], chance: float) -> Choice:
    """The rates of the highest mean held-out accuracy, with a margin to rates that diverge.

    A candidate that diverges on a seed is out, and so is one from which a single step up, in one
    rate, leads to such a candidate. Where no candidate keeps this margin, all of the rest count.
    Among candidates within half a point of the best: the highest mean accuracy over the last
    rounds, then the smaller rate of the last phase.

    Args:
        chance: the accuracy of guessing.

    Raises:
        UserError: every candidate diverged.
    """
    scored = list(_scored(trials))
    if not scored:
        tried = sorted({rate for trial in trials for rate in trial.rates.values()})
        raise UserError(
            f"selection.grid: every candidate of the learning rates {tried} diverged; add smaller "
            "ones"
        )
    scored = [one for one in scored if not _at_cliff(trials, one.rates)] or scored
    best = max(one.accuracy for one in scored)
    equals = [one for one in scored if one.accuracy >= best - TIE]
    last = max(equals[0].rates)
    chosen = min(equals, key=lambda one: (-one.late, one.rates[last], sorted(one.rates.items())))
    edges = tuple(axis for axis in chosen.rates if _at_edge(trials, axis, chosen.rates[axis]))
    return Choice(
        rates=chosen.rates,
        accuracy=chosen.accuracy,
        late=chosen.late,
        loss=chosen.loss,
        edges=edges,
        tried=len(by_candidate(trials)),
        trains=chosen.above(chance),
    )


def widened(
    axes: Mapping[str, Sequence[float]], try_all: Callable[[list[dict[str, float]]], Tried]
) -> tuple[list[Trial], Choice, float]:
    """Try a grid, then what lies beyond an edge at which the best candidate lies.

    Args:
        try_all: returns the trials of candidates, and the accuracy of guessing.

    Returns:
        All trials, the choice, and the accuracy of guessing.
    """
    candidates = product(axes)
    for widening in range(WIDENINGS + 1):
        trials, chance = try_all(candidates)
        choice = choose(trials, chance)
        more = wider(trials, choice)
        if widening == WIDENINGS or not more:
            break
        candidates = candidates + more
    return trials, choice, chance


def wider(trials: Sequence[Trial], choice: Choice) -> list[dict[str, float]]:
    """The candidates beyond the edges at which the choice lies, at the same ratio as before."""
    axes = {axis: _tried(trials, axis) for axis in choice.rates}
    more: list[dict[str, float]] = []
    for axis in choice.edges:
        values, rate = axes[axis], choice.rates[axis]
        if len(values) > 1:
            beside = values[1] if rate == values[0] else values[-2]
            beyond = float(f"{rate * rate / beside:.2g}")
            more += product(axes | {axis: [beyond]})
            axes[axis] = sorted([*values, beyond])
    return more


def by_candidate(trials: Iterable[Trial]) -> dict[Key, list[Trial]]:
    """The trials of each candidate, one a tuning seed."""
    groups: dict[Key, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(trial.candidate, []).append(trial)
    return groups


def _scored(trials: Sequence[Trial]) -> Iterator[_Scored]:
    for own in by_candidate(trials).values():
        done = [(t.accuracy, t.late, t.loss) for t in own]
        whole = [(a, b, c) for a, b, c in done if a is not None and b is not None and c is not None]
        if len(whole) == len(own):
            accuracies, late, loss = zip(*whole, strict=True)
            yield _Scored(own[0].rates, list(accuracies), fmean(late), fmean(loss))


def _at_cliff(trials: Sequence[Trial], rates: Candidate) -> bool:
    """Whether the next larger rate of some axis, all others equal, diverged on a seed."""
    lost = {trial.candidate for trial in trials if trial.accuracy is None}
    for axis, rate in rates.items():
        above = [value for value in _tried(trials, axis) if value > rate]
        if above and Trial({**rates, axis: above[0]}, 0).candidate in lost:
            return True
    return False


def _tried(trials: Sequence[Trial], axis: str) -> list[float]:
    return sorted({trial.rates[axis] for trial in trials})


def _at_edge(trials: Sequence[Trial], axis: str, rate: float) -> bool:
    values = _tried(trials, axis)
    return rate in (values[0], values[-1])
