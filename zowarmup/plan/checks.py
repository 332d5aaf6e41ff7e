"""Checks of a run before anything is computed."""

from typing import Any

from zowarmup.config.phase_settings import TRAJECTORIES, know_tiers
from zowarmup.config.registry import ENGINE_SETTINGS, ENGINES_WITH_SETTINGS, NETWORKS, WIDTHS
from zowarmup.config.schema import Config
from zowarmup.config.splits import MEMORY, high_clients
from zowarmup.config.yaml_file import ConfigError

# Training images of the built-in sources at most; others are checked when their file is read.
KNOWN_SIZES = {"digits": 1437, "cifar10": 50_000, "cifar100": 50_000, "imagenet32": 1_281_167}

Spec = dict[str, Any]


def check_run(config: Config, method: str, spec: Spec) -> None:
    """Checks that all parts of a run fit together.

    Raises:
        ConfigError: names the key and the fix.
    """
    _check_model(method, spec)
    _check_engine(spec["engine"])
    _check_images(config, spec)
    _check_tiers(config, method, spec)
    if spec["snapshot_every"] % spec["evaluate_every"]:
        raise ConfigError(
            f"snapshot_every: {spec['snapshot_every']}: must be a multiple of evaluate_every "
            f"({spec['evaluate_every']}), so that every snapshot has its row of metrics"
        )
    first = spec["phases"][0]
    if first["algorithm"] in TRAJECTORIES:
        _check_stride(spec, method, first["rounds"])


def _check_model(method: str, spec: Spec) -> None:
    if spec["model"] not in NETWORKS:
        raise ConfigError(f"model: there is no {spec['model']}; use one of {', '.join(NETWORKS)}")
    narrower = any("rate" in phase for phase in spec["phases"])
    if (narrower or spec["width"] != 1) and spec["model"] not in WIDTHS:
        wanted = f"methods.{method}" if narrower else "width"
        raise ConfigError(
            f"{wanted}: {spec['model']} has no other width; use a model among {', '.join(WIDTHS)}"
        )


def _check_engine(engine: Spec) -> None:
    for key, plain in ENGINE_SETTINGS.items():
        if engine[key] != plain and engine["name"] not in ENGINES_WITH_SETTINGS:
            raise ConfigError(
                f"engine.{key}: {engine['name']} computes with {key} {str(plain).lower()} only; "
                f"leave it out, or use engine {' or '.join(ENGINES_WITH_SETTINGS)}"
            )


def _check_images(config: Config, spec: Spec) -> None:
    federation, dataset = config.federations[spec["federation"]], config.datasets[spec["dataset"]]
    images = dataset.images_train or KNOWN_SIZES.get(dataset.source)
    if images is not None and images < 2 * federation.clients:
        raise ConfigError(
            f"federations.{spec['federation']}.clients: {federation.clients} clients share only "
            f"{images} images, and each needs two; use fewer clients"
        )


def _check_tiers(config: Config, method: str, spec: Spec) -> None:
    federation = config.federations[spec["federation"]]
    if spec["split"] == MEMORY:
        _check_memory(config, method, spec)
        return
    all_high = high_clients(spec["split"], federation.clients) == federation.clients
    if all_high and any(phase["clients"] == "low" for phase in spec["phases"]):
        raise ConfigError(f"split: {spec['split']}: leaves no low-resource client for {method}")


def _check_memory(config: Config, method: str, spec: Spec) -> None:
    if config.federations[spec["federation"]].memory is None:
        raise ConfigError(
            f"split: {MEMORY}: the clients of {spec['federation']} have no budgets; add "
            f"federations.{spec['federation']}.memory"
        )
    if not know_tiers(spec["phases"]):
        raise ConfigError(
            f"split: {MEMORY}: methods.{method} treats all clients alike, so budgets change "
            "nothing; leave it out of this study"
        )
    if "batch" not in spec["phases"][0] or "eps" in spec["phases"][0]:
        raise ConfigError(
            f"split: {MEMORY}: methods.{method} begins with no backpropagation that a client could "
            "hold or not; leave it out of this study"
        )


def _check_stride(spec: dict[str, Any], method: str, rounds: int) -> None:
    """Checks that the end of a first phase has a snapshot and a row in a longer warm-up."""
    if len(spec["phases"]) > 1 and rounds % spec["snapshot_every"]:
        raise ConfigError(
            f"pivot: {rounds} of {method} is off the stride of the snapshots; "
            f"use a multiple of snapshot_every ({spec['snapshot_every']})"
        )
    if rounds % spec["evaluate_every"]:
        raise ConfigError(
            f"methods.{method}.phases.0: {rounds} rounds are off the stride of evaluation; "
            f"use a multiple of evaluate_every ({spec['evaluate_every']})"
        )
