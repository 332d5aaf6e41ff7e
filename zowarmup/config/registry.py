"""The algorithms, networks and engines that a config can name; see also tables_and_figures.

Values are "module:attribute" and are imported when a run needs them, so a workflow needs no torch,
and a new entry does not change the code digests of other entries. The entries of a user's own files
are "path/file.py:attribute"; a config makes them.
"""

import importlib
from collections.abc import Mapping
from typing import Any

from zowarmup.common import user_code

ALGORITHMS = {
    "fedavg": "zowarmup.algorithms.fedavg:FedAvg",
    "fedadam": "zowarmup.algorithms.fedadam:FedAdam",
    "heterofl": "zowarmup.algorithms.heterofl:HeteroFL",
    "zo": "zowarmup.algorithms.zo:ZO",
    "zo_adam": "zowarmup.algorithms.zo_adam:ZOAdam",
    "zo_subset": "zowarmup.algorithms.zo_subset:ZOSubset",
    "zo_subset_auto": "zowarmup.algorithms.zo_subset_auto:ZOSubsetAuto",
    "zo_local": "zowarmup.algorithms.zo_local:ZOLocal",
    "fedkseed": "zowarmup.algorithms.fedkseed:FedKSeed",
    "zo_average": "zowarmup.algorithms.optimizers.zo_average:ZOAverage",
    "zo_scalar_moment": "zowarmup.algorithms.optimizers.zo_scalar_moment:ZOScalarMoment",
    "zo_block": "zowarmup.algorithms.optimizers.zo_block:ZOBlock",
    "zo_adam_smooth": "zowarmup.algorithms.optimizers.zo_adam_smooth:ZOAdamSmooth",
    "zo_mixed": "zowarmup.algorithms.optimizers.zo_mixed:ZOMixed",
    "zo_orthogonal": "zowarmup.algorithms.estimators.zo_orthogonal:ZOOrthogonal",
    "zo_groups": "zowarmup.algorithms.estimators.zo_groups:ZOGroups",
    "zo_low_rank": "zowarmup.algorithms.estimators.zo_low_rank:ZOLowRank",
}


def _in(module: str, *names: str) -> dict[str, str]:
    """Return entries that are named like their attributes in the module."""
    return {name: f"{module}:{name}" for name in names}


# networks that predict the next token of a text
LANGUAGE = {
    **_in("zowarmup.models.gpt", "gpt_tiny", "gpt_tiny4", "gpt_tiny8"),
    **_in("zowarmup.models.gpt", "gpt_small", "gpt_small8", "gpt_small16"),
}

# Algorithms whose rate can be `auto`: a step is lr times the mean of S estimates of each client.
AUTO_RATES = ("zo", "zo_orthogonal", "zo_groups", "zo_low_rank")

# name -> function that returns an nn.Module, with the arguments image shape (C, H, W) and number of
# classes, and the keyword arguments width and scale
NETWORKS = {
    **_in("zowarmup.models.mlp", "mlp", "mlp2", "mlp3", "mlp4", "mlp5"),
    **_in("zowarmup.models.mlp", "mlp_he", "mlp2_he", "mlp3_he", "mlp4_he", "mlp5_he"),
    **_in("zowarmup.models.cnn", "cnn"),
    **_in("zowarmup.models.resnet", "resnet_tiny", "resnet8", "resnet18"),
    **_in("zowarmup.models.preresnet", "preresnet_tiny", "preresnet_tiny_gn"),
    **_in("zowarmup.models.preresnet", "preresnet18", "preresnet18_gn"),
    **_in("zowarmup.models.vit", "vit_tiny", "vit_small_p4", "vit_b16"),
    **LANGUAGE,
}

ENGINES = {
    "plain": "zowarmup.engines.plain:Plain",
    "layerwise": "zowarmup.engines.layerwise:Layerwise",
    "batched": "zowarmup.engines.batched:Batched",
    "vmap": "zowarmup.engines.vmap:Vmap",
}

# The settings of `engine` that only some engines have, with the value that the others always use.
ENGINE_SETTINGS = {"precision": "float32", "channels_last": False}
ENGINES_WITH_SETTINGS = ("plain", "layerwise")

# The keys that `engine.options` can have; an engine without a line here has no options.
ENGINE_OPTIONS = {"batched": ("block",), "vmap": ("block",)}


def module_of(entry: str) -> str:
    """The module, or the file of a user, that an entry names, without importing it."""
    return entry.rpartition(":")[0]


def algorithm(name: str, source: str | None) -> str:
    """The entry of a phase's algorithm: its `source` if it is the user's own, else the built-in."""
    return source or ALGORITHMS[name]


def is_file(entry: str) -> bool:
    """Whether an entry is in a file of the user's own."""
    return module_of(entry).endswith(".py")


def object_of(entry: str) -> Any:
    """The object that an entry names.

    Raises:
        UserError: a file of the user is missing or fails, or has no such name.
    """
    module, _, attribute = entry.rpartition(":")
    if is_file(entry):
        return user_code.attribute(module, attribute)
    return getattr(importlib.import_module(module), attribute)


def load(table: Mapping[str, str], name: str) -> Any:
    """The object that an entry of a table names."""
    return object_of(table[name])
