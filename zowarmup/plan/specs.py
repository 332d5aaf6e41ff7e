"""The values that travel from the plan to the jobs: frozen, complete, validated where read.

Snakemake records plain values alone, so rules hand on `spec.model_dump(mode="json")`, and a job
reads it back with `read`. The same JSON stands in run.json and at the head of a journal.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field

from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import RATES, Count, Pins, Positive, Seed, Share
from zowarmup.config.pivot import PivotRule
from zowarmup.config.schema import Argument
from zowarmup.plan.pivots.probe import ProbesSpec, left_to_probes
from zowarmup.plan.value import Value

Round = Annotated[int, Field(ge=0)]
Tier = Literal["all", "high", "low"]


class Selected(Value):
    """A learning rate that the selection of this name chooses, for one axis of its grid."""

    selection: str
    axis: str  # the number of the phase and the setting, such as "2.lr"


Rates = Mapping[str, Mapping[str, float]]  # what selections chose: rate by axis, by name
Setting = bool | int | float | str | tuple[int, ...] | Selected


class Phase(Value):
    """One phase; the settings of its algorithm are extra fields, see `settings`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Setting] = Field(init=False)

    algorithm: str
    clients: Tier  # the tier that takes part
    rounds: Count
    lr: Positive | Selected | Literal["auto"]
    participation: Share  # share of the tier that takes part in a round
    source: str | None = None  # the entry of an algorithm of the user's own, see config.registry

    @property
    def settings(self) -> dict[str, Setting]:
        """The algorithm's own settings by name, the learning rate among them."""
        return {"lr": self.lr} | self.__pydantic_extra__

    @property
    def selections(self) -> tuple[str, ...]:
        """The selections that the learning rates come from, in the order of RATES."""
        rates = [self.settings.get(key) for key in RATES]
        return tuple(rate.selection for rate in rates if isinstance(rate, Selected))

    def but(self, **settings: Setting) -> Self:
        """The same phase with other settings."""
        return self.read(self.model_dump(mode="json") | settings)

    def with_rates(self, rates: Rates) -> Self:
        """The phase with the rates of those selections as numbers that `rates` has."""
        selected = {k: rate for k, rate in self.settings.items() if isinstance(rate, Selected)}
        decided = {k: r for k, r in selected.items() if r.selection in rates}
        return self.but(**{k: rates[r.selection][r.axis] for k, r in decided.items()})


class NetworkSpec(Value):
    """A network of the user's own; see config.schema.Network."""

    source: str  # its entry, see config.registry
    arguments: dict[str, Argument]

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


class EngineSpec(Value):
    """How clients are simulated; see config.schema.Engine for the fields."""

    name: str
    device: Literal["cpu", "cuda"]
    threads: Count
    micro_batch: Count
    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    options: dict[str, Count]
    processes: Count | None = None  # only if the bits depend on this number


class Backprop(Value):
    """The step of backpropagation that a high-resource client must hold in memory."""

    batch: Count
    momentum: bool


class JobSpec(Value):
    """The common part of runs, warm-ups and selections."""

    dataset: str
    federation: str
    split: str | None  # such as "10/90"; None where nothing in the job depends on it
    model: str
    network: NetworkSpec | None = None  # None for a built-in network
    width: Positive
    engine: EngineSpec
    pin: Pins
    evaluate_every: Count
    snapshot_every: Count
    backprop: Backprop | None = None  # only with the split "memory", whose tiers follow from it

    def seeds_of(self, seed: int) -> Seeds:
        """The seeds of the job's draws."""
        return Seeds.of(seed, {str(name): value for name, value in self.pin.items()})


class OwnCheck(JobSpec):
    """A check of code of the user's own, see `own_work`."""

    phases: tuple[Phase, ...]  # those with a method of the user's own, or a part of their network


class PhasesSpec(JobSpec):
    """The common part of runs and selections: the job trains phases one after the other."""

    phases: tuple[Phase, ...]  # all of its method

    @property
    def selections(self) -> tuple[str, ...]:
        """The selections that learning rates come from, in the order of phases and RATES."""
        return tuple(dict.fromkeys(name for phase in self.phases for name in phase.selections))

    def with_rates(self, rates: Rates) -> Self:
        """The same job with selected learning rates as numbers."""
        phases = tuple(phase.with_rates(rates) for phase in self.phases)
        return self.model_copy(update={"phases": phases})

    @property
    def rounds(self) -> int:
        """The last round."""
        return sum(phase.rounds for phase in self.phases)


class RunSpec(PhasesSpec):
    """A run, its warm-up included."""

    warmup: str | None  # that is its first phase; None if it trains that phase itself
    pivot_rule: PivotRule | None = None  # decides the pivot; until then the first phase is longest

    @property
    def reads_probes(self) -> bool:
        """Whether the run decides its pivot or a setting by the probes along its warm-up."""
        settings = [left_to_probes(phase.settings, phase.source) for phase in self.phases]
        return self.pivot_rule is not None or any(settings)

    @property
    def pivots(self) -> tuple[int, ...]:
        """The rounds at which the run's own job may begin."""
        if self.pivot_rule is None:
            return (self.pivot,)
        first, last = self.pivot_rule.span
        return tuple(range(first, last + 1, self.snapshot_every))

    def with_pivot(self, t: int) -> Self:
        """The same run with its second phase after round t, to the same last round."""
        first, second, total = *self.phases, self.rounds
        phases = first.but(rounds=t), second.but(rounds=total - t)
        return self.model_copy(update={"phases": phases})

    @property
    def own_phases(self) -> tuple[Phase, ...]:
        """The phases that the run's own job trains."""
        return self.phases[1 if self.warmup else 0 :]

    @property
    def pivot(self) -> int:
        """The round after which the run's own job begins: 0 without a warm-up."""
        return self.phases[0].rounds if self.warmup else 0


class WarmupSpec(JobSpec):
    """A first-order trajectory that several runs share; it ends at the last of their pivots."""

    phase: Phase
    probes: ProbesSpec | None = None  # None if no run reads them

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The only phase."""
        return (self.phase,)

    @property
    def own_phases(self) -> tuple[Phase, ...]:
        """The only phase, which the job trains itself."""
        return self.phases

    @property
    def selections(self) -> tuple[str, ...]:
        """The selections that learning rates come from, in the order of RATES."""
        return self.phase.selections

    def with_rates(self, rates: Rates) -> Self:
        """The same job with selected learning rates as numbers."""
        return self.model_copy(update={"phase": self.phase.with_rates(rates)})

    def is_snapshot(self, t: int) -> bool:
        """Whether the model after round t is kept."""
        return t % self.snapshot_every == 0 or t == self.phase.rounds


class SelectionSpec(PhasesSpec):
    """The joint choice of all learning rates of a method that are not given otherwise.

    The rates of a candidate take the place of those that are `Selected` by this selection.
    """

    name: str
    axes: dict[str, tuple[Positive, ...]]  # the candidates of each rate, such as "2.lr"; sorted
    seeds: tuple[Seed, ...]  # one trial of every candidate for each

    @property
    def own_phases(self) -> tuple[Phase, ...]:
        """All phases, each of which a trial trains itself."""
        return self.phases

    @property
    def selections(self) -> tuple[str, ...]:
        """The selections of rates that are not chosen here."""
        return tuple(name for name in super().selections if name != self.name)

    def candidate(self, rates: Mapping[str, float]) -> tuple[Phase, ...]:
        """The phases with the rates of a candidate."""
        return self.with_rates({self.name: rates}).phases


TrainingSpec = RunSpec | WarmupSpec | SelectionSpec


def read_spec(raw: Mapping[str, object]) -> TrainingSpec:
    """The spec of a job that trains, of any of the three kinds.

    Raises:
        ValueError: names the first field that does not fit.
    """
    if "axes" in raw:
        return SelectionSpec.read(raw)
    return WarmupSpec.read(raw) if "phase" in raw else RunSpec.read(raw)
