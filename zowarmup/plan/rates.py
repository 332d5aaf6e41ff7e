"""The learning rates of a plan: numbers, or what a selection chooses for a whole method."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from zowarmup.config.datasets import Dataset
from zowarmup.config.phase import AUTO, RATES
from zowarmup.config.phase import Phase as Settings
from zowarmup.config.schema import Config, Value
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import Draft
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.naming import Names
from zowarmup.plan.resolve import PREFIX, Overrides, of_other, resolve
from zowarmup.plan.specs import Phase, RunSpec, Selected, SelectionSpec
from zowarmup.plan.studies import grid_of, seed_list

# Trials have neither rows of metrics nor snapshots, so they may end at any round.
STRIDES = {"evaluate_every": 1, "snapshot_every": 1}
Rate = float | Selected | str  # a text is AUTO
# Settings of a data set that change no trial.
NO_MATTER = {"data_dir", "images_test"}


class Rates:
    """Plans the selections that phases need.

    Args:
        selections: takes them up by name, but for those that earlier trials have decided.
        digests: takes up, for all of them, the digest of what decides a selection.
    """

    def __init__(
        self,
        config: Config,
        names: Names,
        selections: dict[str, SelectionSpec],
        digests: dict[str, str],
        earlier: EarlierTrials,
    ) -> None:
        # Nor has a trial a rule that decides its pivot, or a pivot apart from its own marks.
        own = bool(config.selection.rounds)
        plain = {
            k: m.model_copy(update={"pivot": None if own else _fixed(m.pivot)})
            for k, m in config.methods.items()
        }
        self.config = config.model_copy(update=STRIDES | {"methods": plain})
        self.names, self.selections, self.earlier = names, selections, earlier
        self.open: set[str] = set()  # methods whose other learning rates are being resolved
        self.digests = digests

    def phases(self, method: str, overrides: Overrides, draft: Draft) -> Iterator[Phase]:
        """Return the phases of a run, with each learning rate as a number or `Selected`.

        Args:
            overrides: the overrides under which the method's selection runs.
        """
        rates = {
            f"{number}.{key}": self._rate(method, overrides, number, key, rate)
            for number, key, rate in _axes_of(draft)
        }
        return _with(draft, rates)

    def drop_unneeded(self, runs: Iterable[RunSpec]) -> None:
        """Remove the selections that no run needs, because earlier trials give their rates."""
        needed, more = set[str](), {name for run in runs for name in run.selections}
        while more:
            needed |= more
            more = {other for name in more for other in self.selections[name].selections} - needed
        for name in self.selections.keys() - needed:
            del self.selections[name]

    def _rate(self, method: str, overrides: Overrides, number: int, key: str, rate: Value) -> Rate:
        if isinstance(rate, int | float):
            return float(rate)
        if rate == AUTO:
            return AUTO
        return self._known(self._selected(method, overrides, number, key, rate))

    def _known(self, selected: Selected) -> float | Selected:
        """The rate as a number if there are earlier trials of its selection."""
        rates = self.earlier.rates(self.digests[selected.selection])
        return selected if rates is None else rates[selected.axis]

    def _selected(
        self, method: str, overrides: Overrides, number: int, key: str, rate: Value
    ) -> Selected:
        """The selection of a rate that is no number."""
        axis = f"{number}.{key}"
        if isinstance(rate, dict):  # another method's choice
            phase = resolve(self.config, method, overrides).phases[number - 1]
            own, borrowed = phase.algorithm, f"{phase.algorithm}.{key}" in overrides
            axis = self._axis_of(method, str(rate["same_as"]), own, number, key)
            method = str(rate["same_as"])
            lender = self.config.methods[method].phases[int(axis.partition(".")[0]) - 1]
            overrides = of_other(overrides, own, lender["algorithm"], borrowed=borrowed)
        return Selected(selection=self._selection(method, overrides, axis), axis=axis)

    def _axis_of(self, method: str, other: str, algorithm: str, number: int, key: str) -> str:
        """The axis of the other method that a rate is taken from.

        That of the same setting, if the same phase has the same algorithm. Else clients train as in
        the other method's first phase of FedAvg, whose rate is its lr.
        """
        where = f"methods.{method}: {key}.same_as"
        if other not in self.config.methods:
            raise ConfigError(f"{where}: there is no method {other}")
        theirs = [phase["algorithm"] for phase in self.config.methods[other].phases]
        if theirs[number - 1 : number] == [algorithm]:
            return f"{number}.{key}"
        if key == "lr":
            raise ConfigError(
                f"{where}: phase {number} of {other} is not {algorithm}; "
                f"name a method whose phase {number} is"
            )
        if "fedavg" not in theirs:
            raise ConfigError(f"{where}: {other} has no phase of fedavg; name a method that has")
        return f"{theirs.index('fedavg') + 1}.lr"

    def _selection(self, method: str, overrides: Overrides, axis: str) -> str:
        """The name of the selection that chooses an axis of a method."""
        overrides = self._shorter(overrides)
        draft = resolve(self.config, method, overrides)
        axes = dict(self._axes(draft))
        if axis not in axes:
            number, _, key = axis.partition(".")
            raise ConfigError(
                f"methods.{method}: phase {number} selects no {key}, which another method asks "
                f"for; give the phase `{key}: select`, or the other method a number"
            )
        own = json.dumps([method, dict(overrides)])
        if own in self.open:
            raise ConfigError(
                f"methods.{method}: learning rates wait for each other; give one as a number"
            )
        self.open.add(own)
        others = dict(self._others(method, overrides, draft))
        self.open.remove(own)
        return self._named(method, overrides, draft, axes, others)

    def _named(
        self,
        method: str,
        overrides: Overrides,
        draft: Draft,
        axes: Mapping[str, tuple[float, ...]],
        others: Mapping[str, float | Selected],
    ) -> str:
        seeds = seed_list(self.config.selection.seeds, "selection.seeds")
        selected = {a: rate for a, rate in others.items() if isinstance(rate, Selected)}
        waits = {a: [self.digests[r.selection], r.axis] for a, r in selected.items()}
        settings = self.config.datasets[draft.job.dataset]
        data = settings.model_dump(exclude=NO_MATTER if isinstance(settings, Dataset) else None)
        dealt = self.config.federations[draft.job.federation].model_dump()
        job = draft.job.model_dump(mode="json")
        phases = [phase.model_dump() for phase in draft.phases]
        decides = [data, dealt, job, phases, axes, seeds, waits]
        text = json.dumps(decides, sort_keys=True)

        def of(o: Overrides) -> Draft:
            return resolve(self.config, method, self._shorter(o))

        name = self.names.name("selection", method, draft, of, overrides, [text])
        if name not in self.selections:
            self.digests[name] = sha256(text.encode()).hexdigest()[:16]
            rates = {a: self._known(r) if isinstance(r, Selected) else r for a, r in others.items()}
            rates |= {axis: Selected(selection=name, axis=axis) for axis in axes}
            self.selections[name] = SelectionSpec(
                **dict(draft.job),
                phases=tuple(_with(draft, rates)),
                name=name,
                axes=dict(axes),
                seeds=seeds,
            )
            self.earlier.check(self.digests[name], name, axes, seeds)
        return name

    def _others(
        self, method: str, overrides: Overrides, draft: Draft
    ) -> Iterator[tuple[str, float | Selected]]:
        """The rates of a method, by axis, that are given or another method's."""
        for number, key, rate in _axes_of(draft):
            if isinstance(rate, int | float):
                yield f"{number}.{key}", float(rate)
            elif rate == AUTO:
                raise ConfigError(
                    f"methods.{method}: phase {number} has `lr: auto`, which a trial of other "
                    "rates cannot decide; give these as numbers or by `same_as`"
                )
            elif rate != "select":
                yield f"{number}.{key}", self._selected(method, overrides, number, key, rate)

    def _axes(self, draft: Draft) -> Iterator[tuple[str, tuple[float, ...]]]:
        """The axes of a method that are selected, each with its candidates."""
        rule = self.config.selection
        selected = [(number, key) for number, key, rate in _axes_of(draft) if rate == "select"]
        for number, key in selected:
            grid = grid_of(draft.phases[number - 1].algorithm, key)
            joint = rule.joint_grid.get(grid, []) if len(selected) > 1 else []
            if not (candidates := joint or rule.grid.get(grid, [])):
                raise ConfigError(f"selection.grid: {grid}: add candidate learning rates")
            yield f"{number}.{key}", tuple(sorted(candidates))

    def _shorter(self, overrides: Overrides) -> Overrides:
        """The overrides of trials, which may end at earlier marks than the runs."""
        rest = {key: v for key, v in overrides.items() if key != "pivot"}
        if not (marks := self.config.selection.rounds):
            return rest if _fixed(overrides.get("pivot")) is None else overrides
        return rest | {PREFIX + mark: number for mark, number in marks.items()}


def _rates_of(phase: Settings) -> list[str]:
    return [key for key in RATES if key in type(phase).model_fields]


def _axes_of(draft: Draft) -> Iterator[tuple[int, str, Value]]:
    """Every learning rate of a draft, after the number of its phase and its setting."""
    for number, phase in enumerate(draft.phases, start=1):
        settings = phase.model_dump()
        for key in _rates_of(phase):
            yield number, key, settings[key]


def _fixed(pivot: Value | None) -> Value | None:
    """A pivot that is a round; None for a rule, which only a warm-up with probes can follow."""
    return pivot if isinstance(pivot, int) else None


def _with(draft: Draft, rates: Mapping[str, Rate]) -> Iterator[Phase]:
    for number, phase in enumerate(draft.phases, start=1):
        own = {key: rates[f"{number}.{key}"] for key in _rates_of(phase)}
        yield Phase.read(phase.model_dump() | own)
