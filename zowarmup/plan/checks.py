"""Drafts of runs, and the checks of a draft before anything is computed."""

import json
from dataclasses import dataclass
from functools import cached_property

from zowarmup.config.datasets import (
    AnyDataset,
    Dataset,
    Docstrings,
    FileData,
    TableData,
    TextData,
)
from zowarmup.config.own import networks_of
from zowarmup.config.phase import Phase
from zowarmup.config.phase_settings import is_trajectory, know_tiers
from zowarmup.config.pivot import PivotRule
from zowarmup.config.registry import ENGINE_SETTINGS, ENGINES_WITH_SETTINGS
from zowarmup.config.schema import Config
from zowarmup.config.splits import GIVEN, MEMORY, high_clients, high_share
from zowarmup.config.yaml_file import ConfigError
from zowarmup.plan.pivots.setting import check_probes
from zowarmup.plan.specs import EngineSpec, JobSpec
from zowarmup.plan.value import Plain

# The most training images that a source has; the user's sources are checked when they are read.
KNOWN_SIZES = {"digits": 1437, "cifar10": 50_000, "cifar100": 50_000, "imagenet32": 1_281_167}
KNOWN_SIDES = {"digits": 8, "cifar10": 32, "cifar100": 32, "imagenet32": 32}  # pixels, likewise


@dataclass(frozen=True)
class Draft:
    """A run, or the part of a run that decides the model at the start of a phase."""

    job: JobSpec
    phases: tuple[Phase, ...]  # each rate is a number, "select" or a SameAs
    last: Plain | None = None  # the settings that count of the phase after `phases`
    pivot_rule: PivotRule | None = (
        None  # decides the end of the first phase, which is the latest one
    )

    @cached_property
    def identity(self) -> str:
        """A text that is equal for equal drafts."""
        phases = [phase.model_dump() for phase in self.phases]
        rule = [self.pivot_rule.model_dump()] if self.pivot_rule else []
        parts = [self.job.model_dump(mode="json"), phases, self.last, *rule]
        return json.dumps(parts, sort_keys=True)


def check_run(config: Config, method: str, draft: Draft) -> None:
    """Check that all parts of a run fit together.

    Raises:
        ConfigError: names the key and the fix.
    """
    job = draft.job
    if job.model not in (networks := networks_of(config)):
        raise ConfigError(f"model: there is no {job.model}; use one of {', '.join(networks)}")
    _check_engine(job.engine)
    _check_images(config, job)
    if job.split == MEMORY:
        _check_memory(config, method, draft)
    elif job.split == GIVEN:
        _check_given_tiers(config, draft)
    else:
        _check_tiers(config, method, draft)
    if job.snapshot_every % job.evaluate_every:
        raise ConfigError(
            f"snapshot_every: {job.snapshot_every}: must be a multiple of evaluate_every "
            f"({job.evaluate_every}), so that every snapshot has a row of metrics"
        )
    if is_trajectory(draft.phases[0]):
        _check_stride(draft, method)
    check_probes(config, method, draft.phases, draft.pivot_rule)


def _check_engine(engine: EngineSpec) -> None:
    for key, plain in ENGINE_SETTINGS.items():
        if getattr(engine, key) != plain and engine.name not in ENGINES_WITH_SETTINGS:
            raise ConfigError(
                f"engine.{key}: {engine.name} computes only with `{key}: {str(plain).lower()}`; "
                f"leave this key out, or use the engine {' or '.join(ENGINES_WITH_SETTINGS)}"
            )


def _check_images(config: Config, job: JobSpec) -> None:
    federation, dataset = config.federations[job.federation], config.datasets[job.dataset]
    if federation.clients == GIVEN:
        _check_given(job.dataset, dataset, f"federations.{job.federation}.clients")
    if not isinstance(dataset, Dataset) or isinstance(federation.clients, str):
        return
    images = dataset.images_train or KNOWN_SIZES.get(dataset.source)
    if images is not None and images < 2 * federation.clients:
        raise ConfigError(
            f"federations.{job.federation}.clients: {federation.clients} clients share only "
            f"{images} images, and each needs two; use fewer clients"
        )
    side = KNOWN_SIDES.get(dataset.source)
    if side and dataset.resize and dataset.resize > side:
        raise ConfigError(
            f"datasets.{job.dataset}.resize: {dataset.resize}: images of {dataset.source} have "
            f"{side} x {side} pixels; use 1 to {side}, or leave resize out"
        )


def _check_given(name: str, dataset: AnyDataset, where: str) -> None:
    """Check that the data can say who holds what; what a function returns is not known yet."""
    fix = "use text, a table with the key `client`, or a file whose function returns client_train"
    if isinstance(dataset, TableData):
        fix = f"name the column of the clients in datasets.{name}.client"
    if isinstance(dataset, FileData | TextData | Docstrings) or (
        isinstance(dataset, TableData) and dataset.client
    ):
        return
    raise ConfigError(
        f"{where}: {GIVEN}: the data set {name} does not say who holds what; {fix}, or give a "
        "number"
    )


def _check_given_tiers(config: Config, draft: Draft) -> None:
    """Check that the data can say which clients are high-resource."""
    name = draft.job.federation
    federation, dataset = config.federations[name], config.datasets[draft.job.dataset]
    fault, fix = "", ""
    if federation.clients != GIVEN:
        fault, fix = "draws its clients", f"set federations.{name}.clients to {GIVEN}"
    elif federation.memory is not None:
        fault, fix = "gives its clients budgets", f"use `split: {MEMORY}`, or remove the budgets"
    elif isinstance(dataset, TableData) and not dataset.tier:
        fault = "has a table without tiers"
        fix = f"name the column of the tiers in datasets.{draft.job.dataset}.tier"
    if fault:
        raise ConfigError(
            f"split: {GIVEN}: the federation {name} {fault}; {fix}, or give a split such as 10/90"
        )


def _check_tiers(config: Config, method: str, draft: Draft) -> None:
    clients = config.federations[draft.job.federation].clients
    if isinstance(clients, str):  # their number is known when the data exist
        high_share(str(draft.job.split))
        return
    all_high = high_clients(str(draft.job.split), clients) == clients
    if all_high and any(phase.clients == "low" for phase in draft.phases):
        raise ConfigError(
            f"split: {draft.job.split}: there is no low-resource client for {method}; choose "
            "another split"
        )


def _check_memory(config: Config, method: str, draft: Draft) -> None:
    federation, first = draft.job.federation, draft.phases[0]
    if config.federations[federation].memory is None:
        raise ConfigError(
            f"split: {MEMORY}: the clients of {federation} have no budgets; add "
            f"federations.{federation}.memory"
        )
    fault = "" if know_tiers(draft.phases) else "treats all clients alike"
    if not hasattr(first, "batch") or getattr(first, "eps", None):
        fault = fault or "does not begin with backpropagation, which decides the tiers"
    if fault:
        raise ConfigError(f"split: {MEMORY}: methods.{method} {fault}; leave it out of this study")


def _check_stride(draft: Draft, method: str) -> None:
    """Check that a first phase ends at a row of metrics or, before a second, at a snapshot."""
    where, key = f"methods.{method}.phases.0", "evaluate_every"
    if len(draft.phases) > 1:
        where, key = "pivot", "snapshot_every"
    rounds, stride = draft.phases[0].rounds, getattr(draft.job, key)
    if rounds % stride:
        raise ConfigError(f"{where}: {rounds}: {method} needs a multiple of {key} ({stride})")
