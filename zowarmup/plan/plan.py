"""The plan of a config: its named warm-ups, selections and runs.

    cell        one row of a study: a method at one point of the grid
    run         what a cell trains; identical cells of different studies are one run
    warm-up     the first phase that runs share, trained once to the longest of their pivots
    selection   the choice of one learning rate, by trials from the start of a phase

Runs, warm-ups and selections are described by specs; see `specs` for how rules hand them on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from zowarmup.common.json_value import Json
from zowarmup.config.phase import RATES
from zowarmup.config.phase_settings import TRAJECTORIES, know_tiers
from zowarmup.config.schema import Config, Value, load, place
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import Draft
from zowarmup.plan.naming import Names
from zowarmup.plan.resolve import Overrides, overrides_of, resolve
from zowarmup.plan.specs import Phase, RunSpec, Selected, SelectionSpec, WarmupSpec
from zowarmup.plan.studies import cells, check_references, parts, seed_list


@dataclass(frozen=True)
class Cell:
    """One row of a study."""

    study: str
    method: str
    label: str
    variant: str
    split: str
    run: str
    seeds: tuple[int, ...]


@dataclass
class Plan:
    """All named work of one config."""

    name: str
    config: Config
    warmups: dict[str, WarmupSpec] = field(default_factory=dict)
    selections: dict[str, SelectionSpec] = field(default_factory=dict)
    runs: dict[str, RunSpec] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def seeds_of(self, run: str) -> list[int]:
        """Return every seed for which some study needs a run."""
        return sorted({seed for cell in self.cells if cell.run == run for seed in cell.seeds})


def plan(files: list[str], overrides: Mapping[str, object] | None = None) -> Plan:
    """Read config files and resolve every run that they ask for.

    Raises:
        ConfigError: one sentence that names the file, the key and the fix.
    """
    config = load([Path(file) for file in files], overrides)
    try:
        return _Planner(config).plan()
    except ConfigError as error:
        raise ConfigError(f"{place(files, overrides)}: {error}") from None


class _Planner:
    """Names every distinct piece of work once."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.planned = Plan(config.name, config)
        self.names = Names()
        self.open: set[str] = set()  # selections whose learning rates are being resolved

    def plan(self) -> Plan:
        config, schema = self.config, overrides_of(tuple(self.config.rounds))
        check_references(config)
        for name, study in config.studies.items():
            for where, part, seeds in parts(config, name, study):
                for method, variant, overrides in cells(where, part):
                    if method not in config.methods:
                        raise ConfigError(
                            f"{where}: there is no method {method}; define it in `methods`"
                        )
                    check(schema, overrides, partial("{}: {}".format, where))
                    run = self._run(method, variant, overrides)
                    split = str(overrides.get("split", config.split))
                    label = config.methods[method].label
                    self._add(where, Cell(name, method, label, variant, split, run, seeds))
        return self.planned

    def _add(self, where: str, cell: Cell) -> None:
        if cell in self.planned.cells:  # a grid may vary a setting that a method does not have
            return
        for one in self.planned.cells:
            twin = replace(one, method=cell.method, label=cell.label, seeds=cell.seeds)
            if twin == cell and set(one.seeds) & set(cell.seeds):
                fault = f"{cell.run} is in another part of the study already; leave it out of one"
                if one.method != cell.method:
                    fault = f"{cell.method} and {one.method} do the same; leave out one of them"
                raise ConfigError(f"{where}: {fault}")
        self.planned.cells.append(cell)

    def _run(self, method: str, variant: str, overrides: Overrides) -> str:
        draft = resolve(self.config, method, overrides)
        numbers = range(len(draft.phases))
        phases = tuple(self._rated(method, overrides, k, draft) for k in numbers)
        name = self.names.name(
            "run",
            variant or method,
            draft,
            partial(resolve, self.config, method),
            {k: v for k, v in overrides.items() if not variant or k == "split"},
            [phase.model_dump(mode="json") for phase in phases],
        )
        if name not in self.planned.runs:
            shares = phases[0].algorithm in TRAJECTORIES
            warmup = self._warmup(method, overrides, phases[0]) if shares else None
            self.planned.runs[name] = RunSpec(**dict(draft.job), phases=phases, warmup=warmup)
        return name

    def _warmup(self, method: str, overrides: Overrides, phase: Phase) -> str:
        """Return the name of a phase's warm-up, which is as long as its longest run needs."""

        def of(o: Overrides) -> Draft:
            return _start(resolve(self.config, method, o), 0, but=("rounds",))

        draft = of(overrides)
        rates = {key: v for key, v in phase.model_dump(mode="json").items() if key in RATES}
        base = f"{phase.algorithm}-{phase.clients}"
        name = self.names.name("warmup", base, draft, of, overrides, [rates])
        earlier = self.planned.warmups.get(name)
        rounds = max(earlier.phase.rounds if earlier else 0, phase.rounds)
        self.planned.warmups[name] = WarmupSpec(**dict(draft.job), phase=phase.but(rounds=rounds))
        return name

    def _rated(
        self, method: str, overrides: Overrides, k: int, draft: Draft, lr: Selected | None = None
    ) -> Phase:
        """Return phase k with each learning rate as a number or a selection; `lr` may be given."""
        settings = draft.phases[k].model_dump() | ({"lr": lr} if lr else {})
        for key in RATES:
            if key in settings and not isinstance(settings[key], Selected):
                algorithm, rate = settings["algorithm"], settings[key]
                settings[key] = self._rate(method, overrides, k, algorithm, key, rate)
        return Phase.read(settings)

    def _rate(
        self, method: str, overrides: Overrides, k: int, algorithm: str, key: str, rate: Value
    ) -> float | Selected:
        if isinstance(rate, int | float):
            return float(rate)
        if isinstance(rate, dict):  # another method's choice
            if (other := rate["same_as"]) not in self.config.methods:
                raise ConfigError(f"methods.{method}: lr.same_as: there is no method {other}")
            method, own = other, algorithm + "."
            overrides = {name: v for name, v in overrides.items() if not name.startswith(own)}
        # A rate other than lr, such as client_lr, may be selected for another algorithm.
        own_kind = algorithm if key == "lr" else None
        return Selected(selection=self._selection(method, overrides, k, own_kind))

    def _selection(self, method: str, overrides: Overrides, k: int, algorithm: str | None) -> str:
        def of(o: Overrides) -> Draft:
            return _start(resolve(self.config, method, o), k)

        draft = resolve(self.config, method, overrides)
        phase = draft.phases[k] if k < len(draft.phases) else None
        if phase is None or phase.lr != "select" or algorithm not in (None, phase.algorithm):
            raise ConfigError(
                f"methods.{method}: phase {k + 1} selects no learning rate of "
                f"{algorithm or 'any algorithm'}, which another method asks for; give the phase "
                "that algorithm and `lr: select`"
            )
        own = json.dumps([method, dict(overrides), k])
        if own in self.open:
            raise ConfigError(
                f"methods.{method}: learning rates wait for each other; give one as a number"
            )
        self.open.add(own)
        spec = self._selection_spec(method, overrides, k, draft)
        self.open.remove(own)
        after = f"-after-{draft.phases[0].algorithm}" if k else ""
        base = f"{phase.algorithm}-{phase.clients}{after}"
        rates: list[Json] = [spec.phase.model_dump(mode="json"), spec.warmup]
        name = self.names.name("selection", base, of(overrides), of, overrides, rates)
        if name not in self.planned.selections:
            trial = spec.phase.but(lr=Selected(selection=name))
            self.planned.selections[name] = spec.model_copy(update={"phase": trial})
        return name

    def _selection_spec(
        self, method: str, overrides: Overrides, k: int, draft: Draft
    ) -> SelectionSpec:
        """Return the selection for phase k, before it has a name."""
        rule, phase = self.config.selection, draft.phases[k]
        if phase.algorithm not in rule.grid:
            raise ConfigError(f"selection.grid: {phase.algorithm}: add candidate learning rates")
        if k > 1 or (k == 1 and draft.phases[0].algorithm not in TRAJECTORIES):
            raise ConfigError(f"methods.{method}: only phase 1, or 2 after a warm-up, can select")
        warmup = None
        if k == 1:
            warmup = self._warmup(method, overrides, self._rated(method, overrides, 0, draft))
        trial = self._rated(method, overrides, k, draft, lr=Selected(selection=""))
        return SelectionSpec(
            **dict(_start(draft, k).job),
            phase=trial.but(rounds=rule.rounds),
            start=draft.phases[0].rounds if k else 0,
            warmup=warmup,
            grid=tuple(sorted(rule.grid[phase.algorithm])),
            seeds=seed_list(rule.seeds, "selection.seeds"),
        )


def _start(draft: Draft, k: int, but: tuple[str, ...] = ("lr", "rounds")) -> Draft:
    """Return the part of a draft that decides the start of phase k, and phase k without `but`."""
    last = {key: v for key, v in draft.phases[k].model_dump().items() if key not in but}
    split = draft.job.split if know_tiers(draft.phases[: k + 1]) else None
    job = draft.job.model_copy(update={"split": split})
    return Draft(job, draft.phases[:k], last)
