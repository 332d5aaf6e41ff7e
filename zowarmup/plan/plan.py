"""The plan of a config: its named warm-ups, selections and runs.

    cell        one row of a study: a method at one point of the grid
    run         what a cell trains; identical cells of different studies are one run
    warm-up     the first phase that runs share, trained once to the longest of their pivots
    selection   the joint choice of a method's learning rates

Runs, warm-ups and selections are described by specs; see `specs` for how rules hand them on.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from zowarmup.common import user_paths
from zowarmup.config import own
from zowarmup.config.phase import RATES
from zowarmup.config.phase_settings import is_trajectory, know_tiers
from zowarmup.config.schema import Config, load, place
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan import own_work
from zowarmup.plan.checks import Draft
from zowarmup.plan.earlier_trials import EarlierTrials
from zowarmup.plan.naming import Names
from zowarmup.plan.pivots.probe import ProbesSpec
from zowarmup.plan.rates import Rates
from zowarmup.plan.resolve import Overrides, overrides_of, resolve
from zowarmup.plan.specs import OwnCheck, Phase, RunSpec, SelectionSpec, TrainingSpec, WarmupSpec
from zowarmup.plan.studies import (
    cells,
    check_marks,
    check_references,
    check_variants,
    parts,
    tuned_overrides,
)

FEW = 8  # names of runs that an error offers


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
    decides: dict[str, str] = field(default_factory=dict)  # digest of a selection, by its name
    runs: dict[str, RunSpec] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)
    own_checks: dict[str, OwnCheck] = field(default_factory=dict)  # of code of the user's own

    def like(self, run: str) -> str:
        """The names of all runs or, of many, of those that are like a wrong name."""
        names = list(self.runs)
        near = difflib.get_close_matches(run, names, n=FEW) if len(names) > FEW else names
        shown = near or names[:FEW]
        more = f" ({len(names)} in all)" if len(names) > len(shown) else ""
        return ", ".join(shown) + more

    def seeds_of(self, run: str) -> list[int]:
        """Return every seed for which some study needs a run."""
        return sorted({seed for cell in self.cells if cell.run == run for seed in cell.seeds})

    def training(self) -> Iterator[TrainingSpec]:
        """Yield the specs of all jobs that train."""
        yield from self.warmups.values()
        yield from self.selections.values()
        yield from self.runs.values()


def plan(files: list[str], overrides: Mapping[str, object] | None = None) -> Plan:
    """Read config files and resolve every run that they ask for.

    Raises:
        ConfigError: one sentence that names the file, the key and the fix.
    """
    config = load([Path(file) for file in files], overrides)
    earlier = EarlierTrials()
    if (name := config.selection.trials) is not None:
        folder = Path(files[0]).parent
        earlier = EarlierTrials(user_paths.find("selection.trials", name, files, folder))
    try:
        own.check_files(config)
        return _Planner(config, earlier).plan()
    except ConfigError as error:
        raise ConfigError(f"{place(files, overrides)}: {error}") from None


class _Planner:
    """Names every distinct piece of work once."""

    def __init__(self, config: Config, earlier: EarlierTrials) -> None:
        self.config = config
        self.planned = Plan(config.name, config)
        self.names = Names()
        self.rates = Rates(
            config, self.names, self.planned.selections, self.planned.decides, earlier
        )

    def plan(self) -> Plan:
        config, schema = self.config, overrides_of(self.config)
        check_references(config)
        for name, study in config.studies.items():
            for where, part, seeds in parts(config, name, study):
                for method, variant, overrides in cells(where, part):
                    if method not in config.methods:
                        raise ConfigError(
                            f"{where}: there is no method {method}; define it in `methods`"
                        )
                    check(schema, overrides, partial("{}: {}".format, where))
                    tuned = tuned_overrides(config, part, overrides)
                    run = self._run(method, variant, overrides, tuned)
                    split = str(overrides.get("split", config.split))
                    label = config.methods[method].label
                    self._add(where, Cell(name, method, label, variant, split, run, seeds))
                check_variants(config, where, part)
        check_marks(config)  # last, as a wrong `until` leaves its mark unused and says more
        self.rates.drop_unneeded(self.planned.runs.values())
        self._check_trials()
        for spec in self.planned.training():
            if own_work.is_own(spec):
                self.planned.own_checks |= [own_work.check_of(spec)]
        return self.planned

    def _check_trials(self) -> None:
        longest = max(run.rounds for run in self.planned.runs.values())
        for name, spec in self.planned.selections.items():
            if (rounds := sum(phase.rounds for phase in spec.phases)) > longest:
                raise ConfigError(
                    f"selection.rounds: the trials of {name} take {rounds} rounds, and the longest "
                    f"run {longest}; give earlier marks"
                )

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

    def _run(self, method: str, variant: str, overrides: Overrides, tuned: Overrides) -> str:
        draft = resolve(self.config, method, overrides)
        phases = tuple(self.rates.phases(method, tuned, draft))
        name = self.names.name(
            "run",
            variant or method,
            draft,
            partial(resolve, self.config, method),
            {k: v for k, v in overrides.items() if not variant or k == "split"},
            [phase.model_dump(mode="json") for phase in phases],
        )
        if name not in self.planned.runs:
            shares = is_trajectory(phases[0])
            warmup = self._warmup(method, overrides, phases[0]) if shares else None
            run = RunSpec(
                **dict(draft.job), phases=phases, warmup=warmup, pivot_rule=draft.pivot_rule
            )
            self.planned.runs[name] = run
            if run.reads_probes:
                self._probe(str(warmup), phases[0].rounds)
        return name

    def _probe(self, warmup: str, last: int) -> None:
        """Let a warm-up record probes up to a round, or later if another run needs that."""
        spec = self.planned.warmups[warmup]
        last = max(last, spec.probes.last if spec.probes else 0)
        probes = ProbesSpec(**self.config.probes.model_dump(), last=last)
        self.planned.warmups[warmup] = spec.model_copy(update={"probes": probes})

    def _warmup(self, method: str, overrides: Overrides, phase: Phase) -> str:
        """Return the name of a phase's warm-up, which is as long as its longest run needs."""

        def of(o: Overrides) -> Draft:
            return start(resolve(self.config, method, o))

        draft = of(overrides)
        rates = {key: v for key, v in phase.model_dump(mode="json").items() if key in RATES}
        base = f"{phase.algorithm}-{phase.clients}"
        lr = phase.lr  # of the method that asks first, if it is not selected yet
        apart = f"lr{lr:g}" if isinstance(lr, float) else f"for-{method}"
        name = self.names.name("warmup", base, draft, of, overrides, [rates], apart)
        earlier = self.planned.warmups.get(name)
        rounds = max(earlier.phase.rounds if earlier else 0, phase.rounds)
        self.planned.warmups[name] = WarmupSpec(
            **dict(draft.job),
            phase=phase.but(rounds=rounds),
            probes=earlier.probes if earlier else None,
        )
        return name


def start(draft: Draft) -> Draft:
    """The part of a draft that decides its first phase, whatever its length."""
    first = {k: v for k, v in draft.phases[0].model_dump().items() if k not in ("rounds", *RATES)}
    split = draft.job.split if know_tiers(draft.phases[:1]) else None
    return Draft(draft.job.model_copy(update={"split": split}), (), first)
