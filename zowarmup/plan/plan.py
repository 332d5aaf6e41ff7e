"""From a config to named work: which federations, warm-ups, selections and runs there are.

    cell        one row of a study: a method at one point of the grid
    run         what a cell trains; identical cells of different studies are one run
    warm-up     the first phase that runs share, trained once to the longest of their pivots
    selection   the choice of one learning rate, from where its phase starts

Everything is a plain dictionary that can go through a rule's params: a changed value reruns what
it changes, and nothing else.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from zowarmup.config.phase import RATES
from zowarmup.config.phase_settings import TRAJECTORIES, know_tiers
from zowarmup.config.schema import Config, load, place
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.naming import Names
from zowarmup.plan.resolve import Overrides, check_keys, resolve
from zowarmup.plan.studies import cells, check_references, parts, seed_list

Spec = dict[str, Any]


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
    warmups: dict[str, Spec] = field(default_factory=dict)
    selections: dict[str, Spec] = field(default_factory=dict)
    runs: dict[str, Spec] = field(default_factory=dict)
    cells: list[Cell] = field(default_factory=list)

    def seeds_of(self, run: str) -> list[int]:
        """Every seed that some study wants of a run."""
        return sorted({seed for cell in self.cells if cell.run == run for seed in cell.seeds})


def plan(files: list[str], overrides: Mapping[str, Any] | None = None) -> Plan:
    """Read config files and resolve every run that they ask for.

    Raises:
        ConfigError: one sentence that names the file, the key and the mend.
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
        self.made = Plan(config.name, config)
        self.names = Names()
        self.open: set[str] = set()  # selections whose own learning rates are being resolved

    def plan(self) -> Plan:
        check_references(self.config)
        for name, study in self.config.studies.items():
            for where, part, seeds in parts(self.config, name, study):
                for method, variant, overrides in cells(where, part):
                    self._add_cell(name, where, method, variant, overrides, seeds)
        return self.made

    def _add_cell(
        self,
        study: str,
        where: str,
        method: str,
        variant: str,
        overrides: Overrides,
        seeds: tuple[int, ...],
    ) -> None:
        if method not in self.config.methods:
            raise ConfigError(f"{where}: there is no method {method}; define it in methods")
        check_keys(self.config, overrides, where)
        run = self._run(method, variant, overrides)
        split = str(overrides.get("split", self.config.split))
        label = self.config.methods[method].label
        cell = Cell(study, method, label, variant, split, run, seeds)
        if cell in self.made.cells:  # a grid may vary what a method does not have
            return
        twin = replace(cell, seeds=())
        twice = [one for one in self.made.cells if replace(one, seeds=()) == twin]
        if any(set(one.seeds) & set(seeds) for one in twice):
            raise ConfigError(
                f"{where}: {run} is in another part of the study already; leave it out of one"
            )
        self._check_twin(where, cell)
        self.made.cells.append(cell)

    def _check_twin(self, where: str, cell: Cell) -> None:
        """The rows of a study are told apart by run and variant, so each is of one method."""
        place = ("study", "variant", "split", "run")
        for one in self.made.cells:
            same = all(getattr(one, key) == getattr(cell, key) for key in place)
            if same and one.method != cell.method and set(one.seeds) & set(cell.seeds):
                raise ConfigError(
                    f"{where}: {cell.method} and {one.method} do the same; leave out one of them"
                )

    def _run(self, method: str, variant: str, overrides: Overrides) -> str:
        spec = resolve(self.config, method, overrides)
        base = variant or method
        shown = {k: v for k, v in overrides.items() if not variant or k == "split"}
        phases = [
            self._rated(method, overrides, k, phase) for k, phase in enumerate(spec["phases"])
        ]
        of = partial(resolve, self.config, method)
        name = self.names.name("run", base, spec, of, shown, phases)
        if name in self.made.runs:
            return name
        shares = phases[0]["algorithm"] in TRAJECTORIES
        warmup = self._warmup(method, overrides, spec, phases[0]) if shares else None
        self.made.runs[name] = spec | {"phases": phases, "warmup": warmup}
        return name

    def _warmup(self, method: str, overrides: Overrides, spec: Spec, phase: Spec) -> str:
        def of(o: Overrides) -> Spec:
            return _start(resolve(self.config, method, o), 0, but=("rounds",))

        base = f"{phase['algorithm']}-{phase['clients']}"
        rates = {key: phase[key] for key in RATES if key in phase}
        name = self.names.name("warmup", base, of(overrides), of, overrides, [rates])
        known = self.made.warmups.get(name, {"rounds": 0})
        rounds = max(known["rounds"], phase["rounds"])
        fixed = {key: value for key, value in of(overrides).items() if key != "phases"}
        phase = {key: value for key, value in phase.items() if key != "rounds"}
        self.made.warmups[name] = fixed | {"phase": phase, "rounds": rounds}
        return name

    def _rated(self, method: str, overrides: Overrides, k: int, phase: Spec) -> Spec:
        """The phase with each of its learning rates as a number or as the selection it is from."""
        rates = {key: phase[key] for key in RATES if key in phase}
        return phase | {
            key: self._rate(method, overrides, k, phase["algorithm"], key, rate)
            for key, rate in rates.items()
        }

    def _rate(
        self, method: str, overrides: Overrides, k: int, algorithm: str, key: str, rate: Any
    ) -> float | Spec:
        if isinstance(rate, int | float):
            return float(rate)
        if rate != "select":
            method = _other(self.config, rate["same_as"], method)
            own = algorithm + "."
            overrides = {name: v for name, v in overrides.items() if not name.startswith(own)}
        # A rate beside lr, such as the clients' own, may well be of another algorithm.
        own_kind = algorithm if key == "lr" else None
        return {"selection": self._selection(method, overrides, k, own_kind)}

    def _selection(self, method: str, overrides: Overrides, k: int, algorithm: str | None) -> str:
        def of(o: Overrides) -> Spec:
            return _start(resolve(self.config, method, o), k)

        spec = resolve(self.config, method, overrides)
        phase = spec["phases"][k] if k < len(spec["phases"]) else {}
        if phase.get("lr") != "select" or algorithm not in (None, phase["algorithm"]):
            raise ConfigError(
                f"methods.{method}: phase {k + 1} selects no learning rate of "
                f"{algorithm or 'any algorithm'} that another method could use; make it such a "
                "phase and set its lr to select"
            )
        base = f"{phase['algorithm']}-{phase['clients']}"
        if k:
            base += f"-after-{spec['phases'][0]['algorithm']}"
        own = json.dumps([method, overrides, k])
        if own in self.open:
            raise ConfigError(
                f"methods.{method}: learning rates wait for each other; give one as a number"
            )
        self.open.add(own)
        made = self._selection_spec(method, overrides, k, spec)
        self.open.remove(own)
        name = self.names.name(
            "selection", base, of(overrides), of, overrides, [made["phase"], made["warmup"]]
        )
        self.made.selections.setdefault(name, made)
        return name

    def _selection_spec(self, method: str, overrides: Overrides, k: int, spec: Spec) -> Spec:
        rule = self.config.selection
        algorithm = spec["phases"][k]["algorithm"]
        if algorithm not in rule.grid:
            raise ConfigError(f"selection.grid: {algorithm}: add its candidate learning rates")
        if k > 1 or (k == 1 and spec["phases"][0]["algorithm"] not in TRAJECTORIES):
            raise ConfigError(f"methods.{method}: only a phase that follows a warm-up can select")
        warmup = None
        if k == 1:
            first = self._rated(method, overrides, 0, spec["phases"][0])
            warmup = self._warmup(method, overrides, spec, first)
        start = _start(spec, k)
        common = {key: start[key] for key in start if key != "phases"}
        return common | {
            "phase": self._rated(method, overrides, k, start["phases"][k]),
            "start": spec["phases"][0]["rounds"] if k else 0,
            "warmup": warmup,
            "grid": sorted(rule.grid[algorithm]),
            "rounds": rule.rounds,
            "seeds": seed_list(rule.seeds, "selection.seeds"),
        }


def _start(spec: Spec, k: int, but: tuple[str, ...] = ("lr", "rounds")) -> Spec:
    """What decides the model at the start of phase k, and the phase itself `but` some settings."""
    phase = {key: v for key, v in spec["phases"][k].items() if key not in but}
    phases = [*spec["phases"][:k], phase]
    return spec | {"phases": phases, "split": spec["split"] if know_tiers(phases) else None}


def _other(config: Config, name: str, method: str) -> str:
    if name not in config.methods:
        raise ConfigError(f"methods.{method}: lr.same_as: there is no method {name}")
    return name
