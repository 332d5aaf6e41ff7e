"""The tables of everything that a config can name.

Values are "module:attribute", imported when a run needs them: the workflow reads this file without
importing torch, and a new entry changes no other entry's code digest.
"""

import importlib
from collections.abc import Iterable, Mapping
from typing import Any

ALGORITHMS = {
    "fedavg": "zowarmup.algorithms.fedavg:FedAvg",
    "zo": "zowarmup.algorithms.zo:ZO",
}

# name -> function of (image shape (C, H, W), number of classes) that returns an nn.Module
NETWORKS = {
    "mlp": "zowarmup.models.mlp:mlp",
    "cnn": "zowarmup.models.cnn:cnn",
    "resnet8": "zowarmup.models.resnet:resnet8",
    "resnet18": "zowarmup.models.resnet:resnet18",
}

ENGINES = {
    "plain": "zowarmup.simulation.engines.plain:Plain",
    "layerwise": "zowarmup.simulation.engines.layerwise:Layerwise",
    "batched": "zowarmup.simulation.engines.batched:Batched",
}

# What can stand under engine.options; an engine without a line here has none.
ENGINE_OPTIONS = {
    "batched": ("block",),
}

TABLES = {
    "main": "zowarmup.analysis.tables.main:table",
    "pivot": "zowarmup.analysis.tables.pivot:table",
    "distribution": "zowarmup.analysis.tables.distribution:table",
}

FIGURES = {
    "training_curves": "zowarmup.analysis.figures.training_curves:figure",
    "pivot": "zowarmup.analysis.figures.pivot:figure",
    "distribution": "zowarmup.analysis.figures.distribution:figure",
    "federation": "zowarmup.analysis.figures.federation:figure",
}

# The studies that a table or figure shows.
SHOWS = {
    "main": ("main",),
    "pivot": ("pivot",),
    "distribution": ("distribution",),
    "training_curves": ("main",),
    "federation": ("main",),
}

# Figures that read a federation file beside the metrics.
NEED_FEDERATION = ("federation",)


def module_of(table: Mapping[str, str], name: str) -> str:
    """The module that an entry names, without importing it."""
    return table[name].partition(":")[0]


def modules_of(spec: Mapping[str, Any], phases: Iterable[Mapping[str, Any]]) -> list[str]:
    """The modules that training a spec executes beyond those of every training: for its digest."""
    return [
        *(module_of(ALGORITHMS, phase["algorithm"]) for phase in phases),
        module_of(NETWORKS, spec["model"]),
        module_of(ENGINES, spec["engine"]["name"]),
    ]


def load(table: Mapping[str, str], name: str) -> Any:
    """The object that an entry names."""
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
