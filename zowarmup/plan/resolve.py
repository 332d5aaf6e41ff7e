"""Resolve one cell of a study into the complete, checked description of a run."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zowarmup.config.own import phases_of, settings_in
from zowarmup.config.phase import RATES, Count, Phase, Seed, Settings
from zowarmup.config.phase_settings import know_tiers, settings_class
from zowarmup.config.registry import ENGINES
from zowarmup.config.schema import Config, Engine, Value, Width
from zowarmup.config.splits import MEMORY
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import Draft, check_run
from zowarmup.plan.pivots.setting import with_pivot
from zowarmup.plan.specs import Backprop, EngineSpec, JobSpec, NetworkSpec

Overrides = Mapping[str, Value]

NAMES = ("split", "model", "engine", "federation")
# The settings of the engine that a study cannot vary: the override `engine` names an engine, and
# all jobs ask for the same cores and GPUs.
FIXED = ("name", "options", "processes", "device", "threads")
ENGINE = tuple(f"engine.{key}" for key in Engine.model_fields if key not in FIXED)
PREFIX = "rounds."  # of the overrides with which a study moves a mark
NOT_VARIED = ("algorithm", "source")
PINNED = ("pin.federation", "pin.initialisation", "pin.directions")


def resolve(config: Config, method: str, overrides: Overrides) -> Draft:
    """Return the run of a method under overrides; equal drafts are one run.

    Args:
        overrides: `split`, `pivot`, `rounds.<mark>`, `model`, `width`, `engine`,
            `engine.<setting>`, `federation`, `pin.<seed>` or `<algorithm>.<setting>`. A setting
            that the method does not have (`pivot` with one phase) is ignored.

    Raises:
        ConfigError: names the key and the fix.
    """
    phases: list[Phase] = []
    for raw in config.methods[method].phases:
        phases.append(_phase(config, method, phases, raw, overrides))
    rule, pivot = None, overrides.get("pivot", config.methods[method].pivot)
    if pivot is not None and len(phases) > 1:
        phases, rule = with_pivot(phases, pivot, method, config.snapshot_every)
    federation = str(overrides.get("federation", config.federation))
    pins: dict[str, Value] = {str(name): seed for name, seed in config.pin.items()}
    pins |= {key.partition(".")[2]: overrides[key] for key in PINNED if key in overrides}
    job = JobSpec.model_validate(
        {key: overrides.get(key, getattr(config, key)) for key in ("split", "model", "width")}
        | {"dataset": _dataset(config, federation), "federation": federation}
        | {"network": _network(config, str(overrides.get("model", config.model)))}
        | {"engine": _engine(config, overrides), "pin": pins}
        | {"evaluate_every": config.evaluate_every, "snapshot_every": config.snapshot_every}
    )
    draft = Draft(job, tuple(phases), pivot_rule=rule)
    check_run(config, method, draft)
    if not know_tiers(phases):
        return replace(draft, job=job.model_copy(update={"split": None}))
    backprop = _backprop(phases[0]) if job.split == MEMORY else None
    return replace(draft, job=job.model_copy(update={"backprop": backprop}))


def of_other(overrides: Overrides, own: str, lender: str, *, borrowed: bool) -> Overrides:
    """The overrides under which another method's rate is selected.

    Args:
        own: the algorithm of the phase that takes the rate.
        lender: that of the phase that lends it.
        borrowed: whether a study says so, and not the method.

    A study that borrows the rate does so to vary the other settings of the phase at that rate, so
    these are undone; else both methods have them. Rates that are no numbers belong to one method,
    and those of the lending phase are what is asked for.
    """

    def of_one(name: str, value: Value) -> bool:
        algorithm, _, key = name.partition(".")
        if key in RATES and (algorithm == lender or not isinstance(value, int | float)):
            return True
        return borrowed and algorithm == own

    return {name: value for name, value in overrides.items() if not of_one(name, value)}


def overrides_of(config: Config) -> type[Settings]:
    """The schema of what a study can vary; `resolve` checks the values of phases and engines."""
    fields: dict[str, object] = dict.fromkeys(["pivot", *ENGINE], object)
    fields |= dict.fromkeys(NAMES, str) | dict.fromkeys(PINNED, Seed) | {"width": Width}
    fields |= {PREFIX + mark: Count for mark in config.rounds}
    for name, phase in phases_of(config).items():
        fields |= {f"{name}.{key}": object for key in phase.model_fields if key not in NOT_VARIED}
    optional = {key: (kind, None) for key, kind in fields.items()}
    return settings_class("Overrides", Settings, optional)


def _phase(
    config: Config, method: str, before: Sequence[Phase], raw: Mapping[str, Value], o: Overrides
) -> Phase:
    """Return the phase that follows `before`, with every setting."""
    where = f"methods.{method}.phases.{len(before)}"
    algorithm, kinds = raw.get("algorithm"), phases_of(config)
    if algorithm not in list(kinds):  # a list, because the value may be unhashable
        raise ConfigError(f"{where}.algorithm: there is no {algorithm}; use {', '.join(kinds)}")
    own = {k.partition(".")[2]: v for k, v in o.items() if k.startswith(f"{algorithm}.")}
    common = settings_in(config, str(algorithm))
    given = {**common, **raw, **own}
    if "rounds" in own:  # set by a study, which overrides the phase's end
        given.pop("until", None)
    marks = {mark: o.get(PREFIX + mark, number) for mark, number in config.rounds.items()}
    settings = _with_rounds(where, given, sum(phase.rounds for phase in before), marks)

    def name(key: str) -> str:
        """Return where a value is set: a study overrides a phase, which overrides `algorithms`."""
        first = key.partition(".")[0]
        if first in own:
            return f"studies: {algorithm}.{key}"
        common_one = first in common and first not in raw
        return f"algorithms.{algorithm}.{key}" if common_one else f"{where}.{key}"

    return check(kinds[str(algorithm)], settings, name)


def _with_rounds(
    where: str, phase: Mapping[str, Value], begin: int, marks: Mapping[str, Value]
) -> dict[str, Value]:
    """Return the settings of a phase after `begin` rounds, with `until` replaced by `rounds`."""
    if ("until" in phase) == ("rounds" in phase):
        raise ConfigError(f"{where}.rounds: give either `rounds: <number>` or `until: <mark>`")
    if "rounds" in phase:
        return dict(phase)
    until = phase["until"]
    end = marks.get(until) if isinstance(until, str) else until
    if type(end) is not int:
        near = difflib.get_close_matches(str(until), marks, n=1)
        fix = f"did you mean {near[0]}?" if near else f"use {', '.join([*marks, 'or a number'])}"
        raise ConfigError(f"{where}.until: there is no mark {until} in `rounds`; {fix}")
    if end <= begin:
        raise ConfigError(
            f"{where}.until: {until} is round {end}, but the phase begins after round {begin}; "
            f"use a mark after {begin}"
        )
    return {key: v for key, v in phase.items() if key != "until"} | {"rounds": end - begin}


def _dataset(config: Config, federation: str) -> str:
    """The data set of a federation."""
    if federation not in config.federations:
        raise ConfigError(f"federation: there is no {federation}; define it in `federations`")
    dataset = config.federations[federation].dataset
    if dataset not in config.datasets:
        raise ConfigError(
            f"federations.{federation}.dataset: there is no {dataset}; define it in `datasets`"
        )
    return dataset


def _network(config: Config, model: str) -> NetworkSpec | None:
    """The network of the user's own that a model names; None for a built-in one."""
    if (network := config.networks.get(model)) is None:
        return None
    return NetworkSpec(source=f"{network.file}:{network.build}", arguments=network.arguments)


def _engine(config: Config, overrides: Overrides) -> EngineSpec:
    """Return the engine; if a study names another engine, the config's options are dropped.

    The number of processes is left out, except where the bits depend on it.
    """
    own = config.engine.model_dump(exclude={"processes"})
    name = overrides.get("engine", own["name"])
    if name not in ENGINES:
        raise ConfigError(f"engine: there is no {name}; use one of {', '.join(ENGINES)}")
    if name != own["name"]:
        own |= {"name": name, "options": {}}
    varied = {key.partition(".")[2]: overrides[key] for key in ENGINE if key in overrides}
    checked = check(Engine, own | varied, lambda key: f"studies: engine.{key}")
    engine = EngineSpec.model_validate(checked.model_dump(exclude={"processes"}))
    # A library may split one operation on many models by the number of clients, and then the last
    # bits depend on that number.
    cut = engine.name in ("batched", "vmap") and engine.device != "cpu"
    cut = cut or (engine.name == "vmap" and engine.threads > 1)
    processes = config.engine.processes
    return engine.model_copy(update={"processes": processes if cut and processes > 1 else None})


def _backprop(phase: Phase) -> Backprop:
    """Return the step of the first phase that a high-resource client must hold in memory.

    Every part of a run carries this value, so that all parts have the same tiers.
    """
    settings = phase.model_dump()  # it has a batch: checks.py refuses other first phases
    return Backprop(batch=settings["batch"], momentum=bool(settings.get("momentum")))
