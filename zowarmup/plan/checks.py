"""Checks that a run can work, before anything is computed."""

from zowarmup.config.phase_settings import TRAJECTORIES, know_tiers
from zowarmup.config.registry import ENGINE_SETTINGS, ENGINES_WITH_SETTINGS, NETWORKS, WIDTHS
from zowarmup.config.schema import Config
from zowarmup.config.splits import MEMORY, high_clients
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.draft import Draft, setting
from zowarmup.plan.specs import EngineSpec

# Training images of the built-in sources at most; others are checked when their file is read.
KNOWN_SIZES = {"digits": 1437, "cifar10": 50_000, "cifar100": 50_000, "imagenet32": 1_281_167}


def check_run(config: Config, method: str, draft: Draft) -> None:
    """Checks that all parts of a run fit together.

    Raises:
        ConfigError: names the key and the fix.
    """
    _check_model(method, draft)
    _check_engine(draft.engine)
    _check_images(config, draft)
    _check_tiers(config, method, draft)
    if draft.snapshot_every % draft.evaluate_every:
        raise ConfigError(
            f"snapshot_every: {draft.snapshot_every}: must be a multiple of evaluate_every "
            f"({draft.evaluate_every}), so that every snapshot has its row of metrics"
        )
    first = draft.phases[0]
    if first.algorithm in TRAJECTORIES:
        _check_stride(draft, method, first.rounds)


def _check_model(method: str, draft: Draft) -> None:
    if draft.model not in NETWORKS:
        raise ConfigError(f"model: there is no {draft.model}; use one of {', '.join(NETWORKS)}")
    narrower = any(setting(phase, "rate") for phase in draft.phases)
    if (narrower or draft.width != 1) and draft.model not in WIDTHS:
        wanted = f"methods.{method}" if narrower else "width"
        raise ConfigError(
            f"{wanted}: {draft.model} has no other width; use a model among {', '.join(WIDTHS)}"
        )


def _check_engine(engine: EngineSpec) -> None:
    for key, plain in ENGINE_SETTINGS.items():
        if getattr(engine, key) != plain and engine.name not in ENGINES_WITH_SETTINGS:
            raise ConfigError(
                f"engine.{key}: {engine.name} computes with {key} {str(plain).lower()} only; "
                f"leave it out, or use engine {' or '.join(ENGINES_WITH_SETTINGS)}"
            )


def _check_images(config: Config, draft: Draft) -> None:
    federation, dataset = config.federations[draft.federation], config.datasets[draft.dataset]
    images = dataset.images_train or KNOWN_SIZES.get(dataset.source)
    if images is not None and images < 2 * federation.clients:
        raise ConfigError(
            f"federations.{draft.federation}.clients: {federation.clients} clients share only "
            f"{images} images, and each needs two; use fewer clients"
        )


def _check_tiers(config: Config, method: str, draft: Draft) -> None:
    federation = config.federations[draft.federation]
    if draft.split == MEMORY:
        _check_memory(config, method, draft)
        return
    none = high_clients(str(draft.split), federation.clients) == federation.clients
    if none and any(phase.clients == "low" for phase in draft.phases):
        raise ConfigError(f"split: {draft.split}: leaves no low-resource client for {method}")


def _check_memory(config: Config, method: str, draft: Draft) -> None:
    if config.federations[draft.federation].memory is None:
        raise ConfigError(
            f"split: {MEMORY}: the clients of {draft.federation} have no budgets; add "
            f"federations.{draft.federation}.memory"
        )
    if not know_tiers(draft.phases):
        raise ConfigError(
            f"split: {MEMORY}: methods.{method} treats all clients alike, so budgets change "
            "nothing; leave it out of this study"
        )
    if setting(draft.phases[0], "batch") is None or setting(draft.phases[0], "eps"):
        raise ConfigError(
            f"split: {MEMORY}: methods.{method} begins with no backpropagation that a client could "
            "hold or not; leave it out of this study"
        )


def _check_stride(draft: Draft, method: str, rounds: int) -> None:
    """Checks that the end of a first phase has a snapshot and a row in a longer warm-up."""
    if len(draft.phases) > 1 and rounds % draft.snapshot_every:
        raise ConfigError(
            f"pivot: {rounds} of {method} is off the stride of the snapshots; "
            f"use a multiple of snapshot_every ({draft.snapshot_every})"
        )
    if rounds % draft.evaluate_every:
        raise ConfigError(
            f"methods.{method}.phases.0: {rounds} rounds are off the stride of evaluation; "
            f"use a multiple of evaluate_every ({draft.evaluate_every})"
        )
