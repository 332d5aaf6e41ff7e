"""Resolves one cell of a study into the complete, checked description of its run."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from zowarmup.config.phase import Phase
from zowarmup.config.phase_settings import PHASES, know_tiers
from zowarmup.config.registry import ENGINES
from zowarmup.config.schema import Config, Engine, Value
from zowarmup.config.splits import MEMORY
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import check_run
from zowarmup.plan.draft import Draft, setting
from zowarmup.plan.marks import PREFIX, marks_of, with_rounds
from zowarmup.plan.specs import Backprop, EngineSpec

Overrides = Mapping[str, Value]

NAMES = ("split", "model", "engine", "federation")
# The settings of the engine that a study can vary. Another engine is another value of `engine`, and
# all jobs ask for the same cores and GPUs.
FIXED = ("name", "options", "processes", "device", "threads")
ENGINE = tuple(f"engine.{key}" for key in Engine.model_fields if key not in FIXED)
PINNED = ("pin.federation", "pin.initialisation", "pin.directions")


def resolve(config: Config, method: str, overrides: Overrides) -> Draft:
    """The run of a method under overrides; equal drafts are one run.

    Args:
        overrides: `split`, `pivot`, `rounds.<mark>`, `model`, `width`, `engine`,
            `engine.<setting>`, `federation`, `pin.<seed>` or `<algorithm>.<setting>`. One that
            the method does not have (a pivot of one phase) is ignored.

    Raises:
        ConfigError: names the key and the fix.
    """
    phases: list[Phase] = []
    for raw in config.methods[method].phases:
        phases.append(_phase(config, method, phases, raw, overrides))
    if "pivot" in overrides and len(phases) > 1:
        phases = _with_pivot(phases, overrides["pivot"], method)
    federation = str(overrides.get("federation", config.federation))
    draft = Draft(
        dataset=_dataset(config, federation),
        federation=federation,
        split=str(overrides.get("split", config.split)),
        model=str(overrides.get("model", config.model)),
        width=_width(overrides.get("width", config.width)),
        engine=_engine(config, overrides),
        pin=_pins(config, overrides),
        evaluate_every=config.evaluate_every,
        snapshot_every=config.snapshot_every,
        phases=tuple(phases),
    )
    check_run(config, method, draft)
    if draft.split == MEMORY:
        draft = replace(draft, backprop=_backprop(phases[0]))
    return draft if know_tiers(phases) else replace(draft, split=None)


def check_keys(config: Config, overrides: Overrides, where: str) -> None:
    """Checks that every override addresses a setting.

    Raises:
        ConfigError: names the key, and the key that was perhaps meant.
    """
    marks = [PREFIX + mark for mark in config.rounds]
    names = [*NAMES, "pivot", *marks, "width", *PINNED, *ENGINE]
    names += [
        f"{name}.{key}"
        for name, phase in PHASES.items()
        for key in phase.model_fields
        if key != "algorithm"
    ]
    for key, value in overrides.items():
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if key not in names:
            near = difflib.get_close_matches(key, names, n=1)
            fix = f"did you mean {near[0]}?" if near else "see docs/config.md for what can vary"
            raise ConfigError(f"{where}: {key}: nothing has this setting; {fix}")
        if key in NAMES and not isinstance(value, str):
            raise ConfigError(
                f"{where}: {key}: {value} is no name; use one that the config knows, in quotes if "
                "YAML would read it as something else"
            )
        if key == "width" and not (number is not None and 0 < number <= 1024):
            raise ConfigError(f"{where}: width: {value}: use a number above 0, at most 1024")
        if key in marks and (type(value) is not int or number is None or number < 1):
            raise ConfigError(f"{where}: {key}: {value} is no round; use an integer from 1 on")
        if key in PINNED and (type(value) is not int or value < 0):
            raise ConfigError(f"{where}: {key}: {value} is no seed; use an integer from 0 on")


def _phase(
    config: Config, method: str, before: Sequence[Phase], raw: Mapping[str, Value], o: Overrides
) -> Phase:
    """A phase that follows others, with every setting."""
    where = f"methods.{method}.phases.{len(before)}"
    algorithm = raw.get("algorithm")
    if algorithm not in list(PHASES):  # a list, because anything may stand there
        raise ConfigError(f"{where}.algorithm: there is no {algorithm}; use {', '.join(PHASES)}")
    own = {k.partition(".")[2]: v for k, v in o.items() if k.startswith(f"{algorithm}.")}
    common = config.algorithms.get(algorithm, {})
    given = {**common, **raw, **own}
    if "rounds" in own:  # of a study, so it goes before the phase's own end
        given.pop("until", None)
    begin = sum(phase.rounds for phase in before)
    settings = with_rounds(where, given, begin, marks_of(config, o))

    def name(key: str) -> str:
        """The place of the value: a study's goes before the phase's before the algorithm's."""
        first = key.partition(".")[0]
        if first in own:
            return f"studies: {algorithm}.{key}"
        if first in common and first not in raw:
            return f"algorithms.{algorithm}.{key}"
        return f"{where}.{key}"

    return check(PHASES[algorithm], settings, name)


def _with_pivot(phases: Sequence[Phase], pivot: Value, method: str) -> list[Phase]:
    """The first phase ends at the pivot, the second where the method always ends."""
    if len(phases) > 2:
        raise ConfigError(f"methods.{method}: pivot: only a method of two phases has one pivot")
    total = sum(phase.rounds for phase in phases)
    if type(pivot) is not int or not 0 < pivot < total:
        raise ConfigError(f"pivot: {pivot}: must be a round between 1 and {total - 1}")
    rounds = pivot, total - pivot
    return [p.model_copy(update={"rounds": n}) for p, n in zip(phases, rounds, strict=True)]


def _dataset(config: Config, federation: str) -> str:
    """The data set of a federation."""
    if federation not in config.federations:
        raise ConfigError(f"federation: there is no {federation}; define it in federations")
    dataset = config.federations[federation].dataset
    if dataset not in config.datasets:
        raise ConfigError(
            f"federations.{federation}.dataset: there is no {dataset}; define it in datasets"
        )
    return dataset


def _width(width: Value) -> float:
    if not isinstance(width, int | float):
        raise ConfigError(f"width: {width}: use a number above 0, at most 1024")
    return float(width)


def _engine(config: Config, overrides: Overrides) -> EngineSpec:
    """The engine; one of another name gets none of the options in the config.

    The number of processes is left out as a rule, since the bits do not depend on it.
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
    if config.engine.processes > 1 and _depends_on_processes(engine):
        return engine.model_copy(update={"processes": config.engine.processes})
    return engine


def _depends_on_processes(engine: EngineSpec) -> bool:
    """Whether a client's last bits can depend on how many others are worked on beside it.

    They can where many models are one operation, which a library may cut by their number.
    """
    exact = {"batched": engine.device == "cpu"}
    exact["vmap"] = exact["batched"] and engine.threads == 1
    return not exact.get(engine.name, True)


def _backprop(phase: Phase) -> Backprop:
    """The step that a high-resource client must hold in memory: one of the first phase.

    Every part of the run carries it, so that all parts have the same tiers.
    """
    batch, momentum = setting(phase, "batch"), setting(phase, "momentum")
    assert isinstance(batch, int)  # checks.py refuses other first phases
    return Backprop(batch=batch, momentum=bool(momentum))


def _pins(config: Config, overrides: Overrides) -> dict[str, int]:
    """The pinned seeds; `check_keys` has checked that those of a study are integers."""
    own = {key.partition(".")[2]: value for key, value in overrides.items() if key in PINNED}
    seeds: dict[str, Value] = {**{str(name): seed for name, seed in config.pin.items()}, **own}
    return {name: seed for name, seed in seeds.items() if isinstance(seed, int)}
