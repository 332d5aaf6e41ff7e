"""What a run needs besides its phases: clients with their data, the network, an engine."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zowarmup.algorithms.engine import Engine
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.config import registry
from zowarmup.config.splits import MEMORY
from zowarmup.data import datasets, federation
from zowarmup.data.datasets import Dataset
from zowarmup.data.federation import MEGABYTE, Federation
from zowarmup.engines import images
from zowarmup.engines.distributed import Distributed
from zowarmup.engines.images import Images
from zowarmup.models import memory
from zowarmup.models.flat import FlatModel
from zowarmup.models.width import narrow
from zowarmup.runtime import malloc
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.storage import checkpoint


@dataclass(frozen=True)
class Context:
    """The simulated federation, ready to train.

    Attributes:
        tiers: the clients that "all", "high" and "low" stand for, sorted. Without a split only
            "all".
        sizes: training images of every client.
        train: all clients' training images, client after client.
        heldout: likewise the images held out for choosing learning rates.
        test: the test set.
        ranks: the processes that share the work; each of them has this world.
    """

    model: FlatModel
    engine: Engine
    tiers: Mapping[str, tuple[int, ...]]
    sizes: tuple[int, ...]
    train: Images
    heldout: Images
    test: Images
    classes: int
    shape: tuple[int, int, int]
    device: torch.device
    group: ProcessGroup = ALONE


def build(
    spec: Mapping[str, Any],
    data_file: Path | str,
    federation_file: Path | str,
    group: ProcessGroup = ALONE,
) -> Context:
    """The world of a run, from its description and the two files it names.

    Raises:
        DataError, FederationError: a file is missing, damaged or of another data set.
    """
    data = datasets.load(data_file)
    return assemble(spec, data, federation.load(federation_file, data), group)


def assemble(
    spec: Mapping[str, Any], data: Dataset, dealt: Federation, group: ProcessGroup = ALONE
) -> Context:
    """The same from objects in memory."""
    settings = spec["engine"]
    device = _device(settings["device"], group)
    torch.set_num_threads(settings["threads"])
    malloc.keep()
    _deterministic(device)
    everything = images.part(data, "train", device)
    train = images.dealt(everything, dealt.train)
    sizes = tuple(len(rows) for rows in dealt.train)
    shape = tuple(data.x_train.shape[1:])
    whole = model(spec["model"], shape, data.classes, spec["width"])
    engine = registry.load(registry.ENGINES, settings["name"])(
        whole, train.split(sizes), settings["micro_batch"], **_options(settings)
    )
    return Context(
        model=whole,
        engine=engine if group.size == 1 else Distributed(engine, sizes, group),
        tiers=tiers(dealt, spec, whole, shape),
        sizes=sizes,
        train=train,
        heldout=images.dealt(everything, dealt.heldout),
        test=images.part(data, "test", device),
        classes=data.classes,
        shape=shape,
        device=device,
        group=group,
    )


def start(context: Context, seeds: Seeds, snapshot: Path | None) -> Tensor:
    """The model that a phase starts from: a snapshot of its warm-up, else the initialisation.

    Raises:
        CheckpointError: the snapshot is missing, damaged or of another network.
    """
    if snapshot is None:
        return context.model.initial(seeds.initialisation).to(context.device)
    return checkpoint.weights(snapshot, context.model).to(context.device)


def about(context: Context, spec: Mapping[str, Any], t: int) -> dict[str, Any]:
    """What a checkpoint of round t says about itself: enough to build the network again."""
    settings = {key: spec[key] for key in ("model", "width")}
    return settings | {"shape": context.shape, "classes": context.classes, "round": t}


def facts(context: Context, phases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a run's record says about its size.

    d, d_low: parameters of the network, and of the one that low-resource clients train or hold.
    high_clients: how many there are, None where nothing in the run depends on it.
    """
    d, rates = context.model.d, [phase["rate"] for phase in phases if "rate" in phase]
    high = context.tiers.get("high")
    return {
        "d": d,
        "d_low": min([d, *(narrow(context.model, rate, 1.0).model.d for rate in rates)]),
        "high_clients": None if high is None else len(high),
    }


def model(name: str, shape: tuple[int, int, int], classes: int, width: float = 1.0) -> FlatModel:
    """A network of the registry as a function of its parameters.

    Args:
        width: multiple of the registry's number of channels.
    """

    def family(relative: float, scale: float) -> torch.nn.Module:
        with torch.device("meta"):  # where nothing is drawn
            constructor = registry.load(registry.NETWORKS, name)
            module: torch.nn.Module = constructor(
                shape, classes, width=width * relative, scale=scale
            )
        return module

    return FlatModel(family(1.0, 1.0), family)


def _options(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine of this name takes beside the clients and the micro-batch."""
    known = settings["name"] in registry.ENGINES_WITH_SETTINGS
    own = {key: settings[key] for key in registry.ENGINE_SETTINGS if known}
    return settings["options"] | own


def _device(name: str, group: ProcessGroup) -> torch.device:
    """Each of several processes has a CUDA device of its own."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("engine.device: cuda: there is no CUDA device here; set it to cpu")
    if name == "cuda" and group.size > 1:
        if group.size > (here := torch.cuda.device_count()):
            raise UserError(
                f"engine.processes: {group.size}: each takes a CUDA device, and here are {here}; "
                "set it to so many"
            )
        torch.cuda.set_device(group.rank)
        return torch.device(name, group.rank)
    return torch.device(name)


def _deterministic(device: torch.device) -> None:
    """The same bits in every process on the same kind of device; exact float32 products.

    Without TF32 whatever engine.precision is: two-point losses would drown in its rounding.
    """
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # else cuBLAS may choose by free memory
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def tiers(
    dealt: Federation, spec: Mapping[str, Any], model: FlatModel, shape: tuple[int, int, int]
) -> dict[str, tuple[int, ...]]:
    """The clients that "all", "high" and "low" stand for in a run, sorted."""
    everyone, split = tuple(range(dealt.clients)), spec["split"]
    if split is None:
        return {"all": everyone}
    if split == MEMORY:
        high = _holding(dealt, memory.backprop(model, shape, **spec["backprop"]))
    else:
        high = dealt.high(int(split.split("/")[0]) / 100)
    return {"all": everyone, "high": high, "low": tuple(k for k in everyone if k not in high)}


def _holding(dealt: Federation, size: int) -> tuple[int, ...]:
    """The clients that can hold backpropagation."""
    if not (high := dealt.holding(size)):
        raise UserError(
            f"split: {MEMORY}: no client has the {size / MEGABYTE:.3g} megabytes that "
            "backpropagation takes here; raise a budget in federations"
        )
    return high
