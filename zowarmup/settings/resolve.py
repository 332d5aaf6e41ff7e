"""One cell of a study as a complete description of its run, checked for what cannot work."""

import difflib
import re
from typing import Any

from zowarmup.settings.config import Config, check
from zowarmup.settings.phases import PHASES, TRAJECTORIES
from zowarmup.settings.registry import NETWORKS
from zowarmup.settings.yaml_file import ConfigError

Overrides = dict[str, Any]

# Training images of the built-in sources; others are checked when their file is read.
KNOWN_SIZES = {"digits": 1437, "cifar10": 50_000}
PINNED = ("pin.federation", "pin.initialisation", "pin.directions")


def resolve(config: Config, method: str, overrides: Overrides) -> dict[str, Any]:
    """The run of a method under overrides; equal descriptions are one run.

    Args:
        overrides: `split`, `pivot`, `model`, `federation`, `pin.<seed>` or `<algorithm>.<setting>`.
            What a method does not have (a pivot of one phase) is ignored.

    Raises:
        ConfigError: names the key and the mend.
    """
    phases = [
        _phase(config, method, i, raw, overrides)
        for i, raw in enumerate(config.methods[method].phases)
    ]
    if "pivot" in overrides and len(phases) > 1:
        _move_pivot(phases, overrides["pivot"], method)
    spec = {
        "dataset": _federation(config, overrides).dataset,
        "federation": overrides.get("federation", config.federation),
        "split": overrides.get("split", config.split),
        "model": overrides.get("model", config.model),
        "engine": config.engine.model_dump(),
        "pin": {k: v for k, v in _pins(config, overrides).items() if v is not None},
        "evaluate_every": config.evaluate_every,
        "snapshot_every": config.snapshot_every,
        "phases": phases,
    }
    _check(config, method, spec)
    if all(phase["clients"] == "all" for phase in phases):
        spec["split"] = None  # nothing in the run depends on who is high-resource
    return spec


def check_keys(config: Config, overrides: Overrides, where: str) -> None:
    """Every override addresses something.

    Raises:
        ConfigError: names the key, and the one that was perhaps meant.
    """
    known = ["split", "pivot", "model", "federation", *PINNED]
    known += [
        f"{name}.{key}"
        for name, phase in PHASES.items()
        for key in phase.model_fields
        if key != "algorithm"
    ]
    for key, value in overrides.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            mend = f"did you mean {near[0]}?" if near else "see docs/config.md for what can vary"
            raise ConfigError(f"{where}: {key}: nothing has this setting; {mend}")
        if key in ("split", "model", "federation") and not isinstance(value, str):
            raise ConfigError(f"{where}: {key}: {value} is no name; use one that the config knows")
        if key in PINNED and (type(value) is not int or value < 0):
            raise ConfigError(f"{where}: {key}: {value} is no seed; use an integer from 0 on")


def high_clients(split: str, clients: int) -> int:
    """How many of K clients are high-resource in a split like 10/90.

    Raises:
        ConfigError: the shares do not add up to 100, or none of the clients is high-resource.
    """
    if not re.fullmatch(r"\d+/\d+", split):
        raise ConfigError(f"split: {split}: give two percentages, high/low, such as 10/90")
    high, low = map(int, split.split("/"))
    if high + low != 100:
        raise ConfigError(f"split: {split}: the two shares must add up to 100")
    count = round(high / 100 * clients)
    if count == 0:
        raise ConfigError(
            f"split: {split}: leaves no high-resource client among {clients}; "
            "give a larger first share"
        )
    return count


def _phase(
    config: Config, method: str, i: int, raw: dict[str, Any], o: Overrides
) -> dict[str, Any]:
    where = f"methods.{method}.phases.{i}"
    algorithm = raw.get("algorithm")
    if algorithm not in list(PHASES):  # a list, because anything may stand there
        raise ConfigError(f"{where}.algorithm: there is no {algorithm}; use {', '.join(PHASES)}")
    own = {k.partition(".")[2]: v for k, v in o.items() if k.startswith(f"{algorithm}.")}
    common = config.algorithms.get(algorithm, {})

    def name(key: str) -> str:
        """Where the value stands: a study's goes before the phase's before the algorithm's."""
        first = key.partition(".")[0]
        if first in own:
            return f"studies: {algorithm}.{key}"
        if first in common and first not in raw:
            return f"algorithms.{algorithm}.{key}"
        return f"{where}.{key}"

    return dict(check(PHASES[algorithm], {**common, **raw, **own}, name).model_dump())


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


def _pins(config: Config, overrides: Overrides) -> dict[str, Any]:
    own = {key.partition(".")[2]: overrides[key] for key in PINNED if key in overrides}
    return {**{str(name): seed for name, seed in config.pin.items()}, **own}


def _check(config: Config, method: str, spec: dict[str, Any]) -> None:
    federation = config.federations[spec["federation"]]
    dataset = config.datasets[spec["dataset"]]
    if spec["model"] not in NETWORKS:
        raise ConfigError(f"model: there is no {spec['model']}; use one of {', '.join(NETWORKS)}")
    images = dataset.images_train or KNOWN_SIZES.get(dataset.source)
    if images is not None and images < 2 * federation.clients:
        raise ConfigError(
            f"federations.{spec['federation']}.clients: {federation.clients} clients share only "
            f"{images} images, and each needs two; use fewer clients"
        )
    high = high_clients(spec["split"], federation.clients)
    if high == federation.clients and any(p["clients"] == "low" for p in spec["phases"]):
        raise ConfigError(f"split: {spec['split']}: leaves no low-resource client for {method}")
    if spec["snapshot_every"] % spec["evaluate_every"]:
        raise ConfigError(
            f"snapshot_every: {spec['snapshot_every']}: must be a multiple of evaluate_every "
            f"({spec['evaluate_every']}), so that every snapshot has its row of metrics"
        )
    first = spec["phases"][0]
    if first["algorithm"] in TRAJECTORIES:
        _check_stride(spec, method, first["rounds"])


def _check_stride(spec: dict[str, Any], method: str, rounds: int) -> None:
    """The end of a first phase can be read off a trajectory that may go on beyond it."""
    if len(spec["phases"]) > 1 and rounds % spec["snapshot_every"]:
        raise ConfigError(
            f"pivot: {rounds} of {method} is off the stride of the snapshots; "
            f"use a multiple of snapshot_every ({spec['snapshot_every']})"
        )
    if rounds % spec["evaluate_every"]:
        raise ConfigError(
            f"methods.{method}.phases.0.rounds: {rounds} is off the stride of evaluation; "
            f"use a multiple of evaluate_every ({spec['evaluate_every']})"
        )
