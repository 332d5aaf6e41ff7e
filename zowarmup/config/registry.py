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
    "main": "zowarmup.analysis.tables.studies:main",
    "pivot": "zowarmup.analysis.tables.studies:pivot",
    "distribution": "zowarmup.analysis.tables.studies:distribution",
    "server": "zowarmup.analysis.tables.studies:server",
    "server_sweep": "zowarmup.analysis.tables.studies:server_sweep",
    "architecture": "zowarmup.analysis.tables.studies:architecture",
    "steps": "zowarmup.analysis.tables.studies:steps",
    "sweeps": "zowarmup.analysis.tables.studies:sweeps",
    "participation": "zowarmup.analysis.tables.studies:participation",
    "costs": "zowarmup.analysis.tables.costs:costs",
    "gradient_quality": "zowarmup.analysis.tables.gradient_quality:table",
    "memory": "zowarmup.analysis.tables.costs:memory",
}

FIGURES = {
    "training_curves": "zowarmup.analysis.figures.curves:training_curves",
    "pivot": "zowarmup.analysis.figures.sweeps:pivot",
    "distribution": "zowarmup.analysis.figures.strips:distribution",
    "federation": "zowarmup.analysis.figures.federation:figure",
    "server": "zowarmup.analysis.figures.strips:server",
    "server_sweep": "zowarmup.analysis.figures.sweeps:server_sweep",
    "architecture": "zowarmup.analysis.figures.sweeps:architecture",
    "steps": "zowarmup.analysis.figures.curves:steps",
    "S": "zowarmup.analysis.figures.sweeps:S",
    "sensitivity": "zowarmup.analysis.figures.sweeps:sensitivity",
    "alpha": "zowarmup.analysis.figures.sweeps:alpha",
    "clients": "zowarmup.analysis.figures.sweeps:clients",
    "width": "zowarmup.analysis.figures.sweeps:width",
    "participation": "zowarmup.analysis.figures.sweeps:participation",
    "costs": "zowarmup.analysis.figures.sweeps:costs",
    "gradient_quality": "zowarmup.analysis.figures.gradient_quality:figure",
    "estimator": "zowarmup.analysis.figures.curves:estimator",
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
