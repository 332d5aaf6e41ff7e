"""The job that tries a network and methods of the user's own before any other job uses them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zowarmup.common.files import atomic_write_text
from zowarmup.common.json_value import Json
from zowarmup.data import dataset_file, federation
from zowarmup.models import own_network
from zowarmup.plan.specs import OwnCheck
from zowarmup.plan.value import Plain
from zowarmup.training import context, method_check, network_check

File = Path | str
SEED = 0  # of the federation and the directions: what is checked does not depend on it


def check(
    plain: Plain, dealt: Mapping[str, Any], memory_mb: int, *, data: File, checked: File
) -> None:
    """Check everything of the user's own that a kind of job runs, and write what was checked.

    Args:
        plain: a plan.specs.OwnCheck as plain values.
        dealt: the settings of the federation, see `data.federation.build`.
        memory_mb: the memory that a training job may use.

    Raises:
        UserError: names the file of the user, what is wrong and what to change.
    """
    spec, images = OwnCheck.read(plain), dataset_file.load(data)
    ready = context.assemble(spec, images, federation.build(images, seed=SEED, **dealt))
    facts: dict[str, Json] = {"model": spec.model, "d": ready.model.d, "dataset": spec.dataset}
    if spec.network:
        factory = own_network.of_file(spec.network.source, spec.network.arguments)
        facts["loss"] = network_check.check_network(ready, factory, spec.engine.name, memory_mb)
    for phase in spec.phases:
        method_check.check_method(ready, phase, spec.seeds_of(SEED))
    facts["methods"] = [phase.algorithm for phase in spec.phases]
    atomic_write_text(checked, json.dumps(facts, indent=1, sort_keys=True) + "\n")
