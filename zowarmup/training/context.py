"""The context of a job: clients with their data, the network, an engine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.common.errors import UserError
from zowarmup.common.json_value import Json
from zowarmup.common.seeds import Seeds
from zowarmup.config import registry
from zowarmup.config.splits import GIVEN, MEMORY
from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation_value import MEGABYTE, Federation
from zowarmup.engines import images
from zowarmup.engines.distributed import Distributed
from zowarmup.engines.images import Images
from zowarmup.models import own_network
from zowarmup.models.flat import FlatModel
from zowarmup.plan.specs import EngineSpec, JobSpec, NetworkSpec, Tier
from zowarmup.runtime import malloc
from zowarmup.runtime.process_group import ALONE, ProcessGroup
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import About
from zowarmup.training import inputs


@dataclass(frozen=True)
class Context:
    """The simulated federation, ready to train.

    Attributes:
        network, width: the name of the network and the multiple of its channels.
        own_network: where a network of the user's own comes from, None for a built-in one.
        tiers: the clients that "all", "high" and "low" stand for, sorted. Without a split only
            "all".
        sizes, heldout_sizes: training and held-out images of every client.
        train: all clients' training images, client after client.
        heldout: all clients' images held out for choosing learning rates, likewise.
        test: the test set.
        group: the processes that share the work; each of them has this context.
    """

    network: str
    width: float
    own_network: NetworkSpec | None
    model: FlatModel
    engine: Engine
    tiers: Mapping[Tier, tuple[int, ...]]
    sizes: tuple[int, ...]
    train: Images
    heldout: Images
    heldout_sizes: tuple[int, ...]
    test: Images
    classes: int
    shape: tuple[int, ...]
    device: torch.device
    group: ProcessGroup = ALONE

    @property
    def low(self) -> frozenset[int]:
        """All low-resource clients; empty in a job that does not depend on tiers."""
        return frozenset(self.tiers.get("low", ()))

    def about(self, t: int) -> About:
        """The facts in a checkpoint of round t."""
        own, shape, classes = self.own_network, self.shape, self.classes
        return About(
            model=self.network, network=own, width=self.width, shape=shape, classes=classes, round=t
        )


def build(
    spec: JobSpec,
    data_file: Path | str,
    federation_file: Path | str,
    group: ProcessGroup = ALONE,
) -> Context:
    """Build the context of a job from its spec and the files of its data and federation.

    Raises:
        DataError, FederationError: a file is missing, damaged, or of another data set.
    """
    data = dataset_file.load(data_file)
    return assemble(spec, data, federation.load(federation_file, data), group)


def assemble(
    spec: JobSpec,
    data: Dataset,
    dealt: Federation,
    group: ProcessGroup = ALONE,
    network: FlatModel | None = None,
) -> Context:
    """Build the context of a job from objects in memory.

    Args:
        network: by default the one that the spec names.
    """
    settings = spec.engine
    device = _device(settings.device, group)
    torch.set_num_threads(settings.threads)
    malloc.keep()
    _deterministic(device)
    everything = images.part(data, "train", device)
    train = images.dealt(everything, dealt.train)
    sizes = tuple(len(rows) for rows in dealt.train)
    shape = inputs.shape(spec, data)
    whole = network or model(spec.model, shape, data.classes, spec.width, spec.network)
    engine = registry.load(registry.ENGINES, settings.name)(
        whole, train.split(sizes), settings.micro_batch, **_options(settings)
    )
    return Context(
        network=spec.model,
        width=spec.width,
        own_network=spec.network,
        model=whole,
        engine=engine if group.size == 1 else Distributed(engine, sizes, group),
        tiers=tiers(dealt, spec, whole, data),
        sizes=sizes,
        train=train,
        heldout=images.dealt(everything, dealt.heldout),
        heldout_sizes=tuple(map(len, dealt.heldout)),
        test=images.part(data, "test", device),
        classes=data.classes,
        shape=shape,
        device=device,
        group=group,
    )


def start(context: Context, seeds: Seeds, snapshot: Path | None) -> Tensor:
    """The model that a phase starts from: a snapshot of its warm-up, else the initialisation.

    Raises:
        CheckpointError: the snapshot is missing, damaged, or of another network.
    """
    if snapshot is None:
        return context.model.initial(seeds.initialisation).to(context.device)
    return checkpoint.weights(snapshot, context.model).to(context.device)


def model(
    name: str,
    shape: tuple[int, ...],
    classes: int,
    width: float = 1.0,
    own: NetworkSpec | None = None,
) -> FlatModel:
    """A network of the registry, or of the user's own, as a function of its parameters.

    Args:
        width: multiple of the registry's number of channels.
    """
    if own is not None:
        factory = own_network.of_file(own.source, own.arguments)
        return own_network.build(factory, shape, classes, width)

    def family(relative: float, scale: float) -> torch.nn.Module:
        with torch.device("meta"):  # where no weights are drawn
            constructor = registry.load(registry.NETWORKS, name)
            module: torch.nn.Module = constructor(
                shape, classes, width=width * relative, scale=scale
            )
        return module

    return FlatModel(family(1.0, 1.0), family)


def _options(settings: EngineSpec) -> dict[str, Json]:
    """Return the keyword arguments of the engine that the settings name."""
    has_settings = settings.name in registry.ENGINES_WITH_SETTINGS
    own = {key: getattr(settings, key) for key in registry.ENGINE_SETTINGS if has_settings}
    return settings.options | own


def _device(name: str, group: ProcessGroup) -> torch.device:
    """Return this process's device; each of several processes has its own CUDA device."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("engine.device is cuda, but this machine has no CUDA device: set it to cpu")
    if name == "cuda" and group.size > 1:
        if group.local_size > (devices := torch.cuda.device_count()):
            raise UserError(
                f"engine.processes is {group.size}, of which {group.local_size} run here, but this "
                f"machine has {devices} CUDA devices, one for each: set engine.processes lower"
            )
        torch.cuda.set_device(group.local_rank)
        return torch.device(name, group.local_rank)
    return torch.device(name)


def _deterministic(device: torch.device) -> None:
    """Make all processes on the same kind of device give the same bits and exact float32 products.

    TF32 is off for every engine.precision, because two-point losses would drown in its rounding.
    """
    if device.type == "cuda":
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # else free memory may decide the kernel
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_tf32 = False


def tiers(
    dealt: Federation, spec: JobSpec, model: FlatModel, data: Dataset
) -> dict[Tier, tuple[int, ...]]:
    """The clients that "all", "high" and "low" stand for in a job, sorted."""
    everyone, split = tuple(range(dealt.clients)), spec.split
    if split is None:
        return {"all": everyone}
    if split == GIVEN:
        high = dealt.given_high
    elif split == MEMORY and spec.backprop:
        high = _holding(dealt, inputs.backprop(spec.backprop, model, data))
    else:
        high = dealt.high(int(split.split("/")[0]) / 100)
    return {"all": everyone, "high": high, "low": tuple(k for k in everyone if k not in high)}


def _holding(dealt: Federation, size: int) -> tuple[int, ...]:
    """The clients that can hold backpropagation."""
    if not (high := dealt.holding(size)):
        raise UserError(
            f"`split: {MEMORY}`: no client has the {size / MEGABYTE:.3g} megabytes that "
            "backpropagation needs; raise a budget in `federations`"
        )
    return high
