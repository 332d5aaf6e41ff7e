"""Resolves one cell of a study into the complete, checked description of its run."""

import difflib
from typing import Any

from zowarmup.config.phase_settings import PHASES, know_tiers
from zowarmup.config.registry import ENGINES
from zowarmup.config.schema import Config, Engine
from zowarmup.config.splits import MEMORY
from zowarmup.config.validation import check
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.checks import check_run
from zowarmup.plan.marks import PREFIX, marks_of, with_rounds

Overrides = dict[str, Any]

NAMES = ("split", "model", "engine", "federation")
# The settings of the engine that a study can vary. Another engine is another value of `engine`, and
# all jobs ask for the same cores and GPUs.
FIXED = ("name", "options", "processes", "device", "threads")
ENGINE = tuple(f"engine.{key}" for key in Engine.model_fields if key not in FIXED)
PINNED = ("pin.federation", "pin.initialisation", "pin.directions")


def resolve(config: Config, method: str, overrides: Overrides) -> dict[str, Any]:
    """The run of a method under overrides; equal descriptions are one run.

    Args:
        overrides: `split`, `pivot`, `rounds.<mark>`, `model`, `width`, `engine`,
            `engine.<setting>`, `federation`, `pin.<seed>` or `<algorithm>.<setting>`. One that
            the method does not have (a pivot of one phase) is ignored.

    Raises:
        ConfigError: names the key and the fix.
    """
    phases: list[dict[str, Any]] = []
    for raw in config.methods[method].phases:
        phases.append(_phase(config, method, phases, raw, overrides))
    if "pivot" in overrides and len(phases) > 1:
        _move_pivot(phases, overrides["pivot"], method)
    spec = {
        "dataset": _federation(config, overrides).dataset,
        "federation": overrides.get("federation", config.federation),
        "split": overrides.get("split", config.split),
        "model": overrides.get("model", config.model),
        "width": float(overrides.get("width", config.width)),
        "engine": _engine(config, overrides),
        "pin": {k: v for k, v in _pins(config, overrides).items() if v is not None},
        "evaluate_every": config.evaluate_every,
        "snapshot_every": config.snapshot_every,
        "phases": phases,
    }
    check_run(config, method, spec)
    if spec["split"] == MEMORY:
        spec["backprop"] = _backprop(phases)
    if not know_tiers(phases):
        spec["split"] = None
    return spec


def check_keys(config: Config, overrides: Overrides, where: str) -> None:
    """Checks that every override addresses a setting.

    Raises:
        ConfigError: names the key, and the key that was perhaps meant.
    """
    marks = [PREFIX + mark for mark in config.rounds]
    known = [*NAMES, "pivot", *marks, "width", *PINNED, *ENGINE]
    known += [
        f"{name}.{key}"
        for name, phase in PHASES.items()
        for key in phase.model_fields
        if key != "algorithm"
    ]
    for key, value in overrides.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            fix = f"did you mean {near[0]}?" if near else "docs/config.md lists what can vary"
            raise ConfigError(f"{where}: {key}: nothing has this setting; {fix}")
        if key in NAMES and not isinstance(value, str):
            raise ConfigError(
                f"{where}: {key}: {value} is no name; use one that the config knows, in quotes if "
                "YAML would read it as something else"
            )
        if key == "width" and not (type(value) in (int, float) and 0 < value <= 1024):
            raise ConfigError(f"{where}: width: {value}: use a number above 0, at most 1024")
        if key in marks and (type(value) is not int or value < 1):
            raise ConfigError(f"{where}: {key}: {value} is no round; use an integer from 1 on")
        if key in PINNED and (type(value) is not int or value < 0):
            raise ConfigError(f"{where}: {key}: {value} is no seed; use an integer from 0 on")


def _phase(
    config: Config, method: str, before: list[dict[str, Any]], raw: dict[str, Any], o: Overrides
) -> dict[str, Any]:
    """A phase that follows some others, with every setting."""
    where = f"methods.{method}.phases.{len(before)}"
    algorithm = raw.get("algorithm")
    if algorithm not in list(PHASES):  # a list, because anything may stand there
        raise ConfigError(f"{where}.algorithm: there is no {algorithm}; use {', '.join(PHASES)}")
    own = {k.partition(".")[2]: v for k, v in o.items() if k.startswith(f"{algorithm}.")}
    common = config.algorithms.get(algorithm, {})
    given = {**common, **raw, **own}
    if "rounds" in own:  # of a study, so it goes before the phase's own end
        given.pop("until", None)
    begin = sum(phase["rounds"] for phase in before)
    settings = with_rounds(where, given, begin, marks_of(config, o))

    def name(key: str) -> str:
        """The place of the value: a study's goes before the phase's before the algorithm's."""
        first = key.partition(".")[0]
        if first in own:
            return f"studies: {algorithm}.{key}"
        if first in common and first not in raw:
            return f"algorithms.{algorithm}.{key}"
        return f"{where}.{key}"

    return dict(check(PHASES[algorithm], settings, name).model_dump())


def _move_pivot(phases: list[dict[str, Any]], pivot: Any, method: str) -> None:
    """The first phase ends at the pivot, the second where the method always ends."""
    if len(phases) > 2:
        raise ConfigError(f"methods.{method}: pivot: only a method of two phases has one pivot")
    total = sum(phase["rounds"] for phase in phases)
    if type(pivot) is not int or not 0 < pivot < total:
        raise ConfigError(f"pivot: {pivot}: must be a round between 1 and {total - 1}")
    phases[0]["rounds"], phases[1]["rounds"] = pivot, total - pivot


def _federation(config: Config, overrides: Overrides) -> Any:
    name = overrides.get("federation", config.federation)
    if name not in config.federations:
        raise ConfigError(f"federation: there is no {name}; define it in federations")
    federation = config.federations[name]
    if federation.dataset not in config.datasets:
        raise ConfigError(
            f"federations.{name}.dataset: there is no {federation.dataset}; define it in datasets"
        )
    return federation


def _engine(config: Config, overrides: Overrides) -> dict[str, Any]:
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
    engine: dict[str, Any] = checked.model_dump(exclude={"processes"})
    if config.engine.processes > 1 and _depends_on_processes(engine):
        engine["processes"] = config.engine.processes
    return engine


def _depends_on_processes(engine: dict[str, Any]) -> bool:
    """Whether a client's last bits can depend on the number of clients computed beside it.

    They can where many models are one operation, which a library may cut by their number.
    """
    exact = {"batched": engine["device"] == "cpu"}
    exact["vmap"] = exact["batched"] and engine["threads"] == 1
    return not exact.get(engine["name"], True)


def _backprop(phases: list[dict[str, Any]]) -> dict[str, Any]:
    """The step that a high-resource client must hold in memory: one of the first phase.

    Every part of the run carries it, so that all parts have the same tiers.
    """
    return {"batch": phases[0]["batch"], "momentum": phases[0].get("momentum", 0) > 0}


def _pins(config: Config, overrides: Overrides) -> dict[str, Any]:
    own = {key.partition(".")[2]: overrides[key] for key in PINNED if key in overrides}
    return {**{str(name): seed for name, seed in config.pin.items()}, **own}
