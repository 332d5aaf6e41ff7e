"""The tables of everything that a config can name.

Values are "module:attribute", imported when a run needs them: a workflow needs no torch, and a new
entry changes no other entry's code digest.
"""

import importlib
from collections.abc import Mapping
from typing import Any

ALGORITHMS = {
    "fedavg": "zowarmup.algorithms.fedavg:FedAvg",
    "fedadam": "zowarmup.algorithms.fedadam:FedAdam",
    "heterofl": "zowarmup.algorithms.heterofl:HeteroFL",
    "zo": "zowarmup.algorithms.zo:ZO",
    "zo_adam": "zowarmup.algorithms.zo_adam:ZOAdam",
    "zo_local": "zowarmup.algorithms.zo_local:ZOLocal",
    "fedkseed": "zowarmup.algorithms.fedkseed:FedKSeed",
}


def _in(module: str, *names: str) -> dict[str, str]:
    """Entries whose attributes have their names."""
    return {name: f"{module}:{name}" for name in names}


# name -> function of (image shape (C, H, W), number of classes, and by name width and scale) that
# returns an nn.Module
NETWORKS = {
    **_in("zowarmup.models.mlp", "mlp"),
    **_in("zowarmup.models.cnn", "cnn"),
    **_in("zowarmup.models.resnet", "resnet_tiny", "resnet8", "resnet18"),
    **_in("zowarmup.models.preresnet", "preresnet_tiny", "preresnet_tiny_gn"),
    **_in("zowarmup.models.preresnet", "preresnet18", "preresnet18_gn"),
    **_in("zowarmup.models.vit", "vit_tiny", "vit_small_p4", "vit_b16"),
}

ENGINES = {
    "plain": "zowarmup.engines.plain:Plain",
    "layerwise": "zowarmup.engines.layerwise:Layerwise",
    "batched": "zowarmup.engines.batched:Batched",
    "vmap": "zowarmup.engines.vmap:Vmap",
}

# The settings of `engine` that only some engines know, and the value that the others compute with.
ENGINE_SETTINGS = {"precision": "float32", "channels_last": False}
ENGINES_WITH_SETTINGS = ("plain", "layerwise")

# What can stand under engine.options; an engine without a line here has none.
ENGINE_OPTIONS = {"batched": ("block",), "vmap": ("block",)}

TABLES = {
    **_in("zowarmup.analysis.tables.studies", "main", "pivot", "distribution", "server"),
    **_in("zowarmup.analysis.tables.studies", "server_sweep", "architecture", "steps"),
    "sweeps": "zowarmup.analysis.tables.sweeps:table",
    "participation": "zowarmup.analysis.tables.studies:participation",
    "costs": "zowarmup.analysis.tables.costs:table",
    "gradient_quality": "zowarmup.analysis.tables.gradient_quality:table",
    "memory": "zowarmup.analysis.tables.memory:table",
}

FIGURES = {
    "training_curves": "zowarmup.analysis.figures.training_curves:figure",
    **_in("zowarmup.analysis.figures.strips", "distribution", "server"),
    "federation": "zowarmup.analysis.figures.federation:figure",
    **_in("zowarmup.analysis.figures.sweeps", "pivot", "server_sweep", "architecture", "S"),
    **_in("zowarmup.analysis.figures.sweeps", "sensitivity", "alpha", "clients", "width"),
    **_in("zowarmup.analysis.figures.sweeps", "participation"),
    **_in("zowarmup.analysis.figures.phase2", "steps", "estimator"),
    "costs": "zowarmup.analysis.figures.costs:figure",
    "gradient_quality": "zowarmup.analysis.figures.gradient_quality:figure",
    "recall": "zowarmup.analysis.figures.recall:figure",
}

# The studies that a table or figure shows: the one of its name, but for these.
SHOWS: dict[str, tuple[str, ...]] = {name: (name,) for name in (*TABLES, *FIGURES)} | {
    **dict.fromkeys(("training_curves", "federation", "recall", "costs", "memory"), ("main",)),
    "sweeps": (
        *("S", "tau", "eps", "lr", "seeds_shared", "alpha", "clients", "extreme", "width"),
        *("heterofl", "fedkseed", "memory", "estimator"),
    ),
    "sensitivity": ("tau", "eps", "lr"),
    "gradient_quality": ("main", "width"),
}

NEED_MEMORY = ("memory",)  # tables that read measurements of memory beside the metrics
NEED_FEDERATION = ("federation",)  # figures that read a federation file beside the metrics


def module_of(table: Mapping[str, str], name: str) -> str:
    """The module that an entry names, without importing it."""
    return table[name].partition(":")[0]


def load(table: Mapping[str, str], name: str) -> Any:
    """The object that an entry names."""
    module, _, attribute = table[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
