"""A network as a function of one flat parameter vector w.

All parameters are one contiguous float32 vector in the order of `named_parameters`. The module
itself holds no weights: it lives on the meta device, and each call gives it views of that call's w.
So any plain nn.Module is a function of (w, x), and no weights are copied.
"""

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from zowarmup.common import seeds
from zowarmup.models import aligned_memory
from zowarmup.models.directions import words

# (relative width, scale) -> a narrower version of the network, see models.width
Family = Callable[[float, float], nn.Module]

# (layer, name of one of its parameters, key of the draw) -> first values, flat, float32
Law = Callable[[nn.Module, str, int], Tensor]


class FlatModel:
    """A network as a function of its flat parameters.

    Attributes:
        d: number of parameters.
        names, shapes, sizes: one entry per parameter, in the order of `named_parameters`.
        network: the module on the meta device, for its structure.
        shell: `network` without parameters; a caller first puts tensors in their places.
        family: builds a narrower version of the network, if it can be built.
    """

    def __init__(self, network: nn.Module, family: Family | None = None) -> None:
        """Take the structure of a network, best built on the meta device, without its weights.

        Raises:
            ValueError: a parameter appears under two names, or the network has buffers.
        """
        named = list(network.named_parameters())
        if len(named) != len(list(network.named_parameters(remove_duplicate=False))):
            raise ValueError(f"{type(network).__name__} shares a parameter between two layers")
        if any(True for _ in network.named_buffers()):
            raise ValueError(
                f"{type(network).__name__} has buffers, which no round averages: "
                "use a norm layer without running statistics, such as GroupNorm"
            )
        self.names = [name for name, _ in named]
        self.shapes = [tuple(p.shape) for _, p in named]
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.d = sum(self.sizes)
        self.network = copy.deepcopy(network).to("meta").eval()
        self.shell = copy.deepcopy(self.network)
        self.family = family
        self._slots = [_detach(self.shell, name) for name in self.names]

    def views(self, w: Tensor) -> Iterator[Tensor]:
        """Cut w into tensors of the parameters' shapes, which share w's memory and gradient."""
        return (v.view(s) for v, s in zip(w.split(self.sizes), self.shapes, strict=True))

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as views of w."""
        return dict(zip(self.names, self.views(w), strict=True))

    def logits(self, w: Tensor, x: Tensor) -> Tensor:
        """The network's output for a batch, (n, ...) -> (n, classes)."""
        views = self.views(aligned_memory.begin(w))
        for (slot, name), view in zip(self._slots, views, strict=True):
            slot[name] = view
        return self.shell(x)

    def module(self, w: Tensor) -> nn.Module:
        """Return a new plain module that holds the weights w."""
        network = copy.deepcopy(self.network).to_empty(device=w.device)
        network.load_state_dict(self.named(w))
        return network

    def flatten(self, named: dict[str, Tensor]) -> Tensor:
        """Return the flat vector of parameters by name, the inverse of `named`.

        Raises:
            ValueError: a parameter is missing or unknown, or has another shape or type.
        """
        for name, shape in zip(self.names, self.shapes, strict=True):
            if name not in named:
                raise ValueError(f"the checkpoint has no parameter {name}")
            stored = tuple(named[name].shape), named[name].dtype
            if stored != (shape, torch.float32):
                raise ValueError(
                    f"parameter {name} is {stored[0]} {stored[1]} in the checkpoint, but {shape} "
                    "torch.float32 in the network"
                )
        if extra := sorted(set(named) - set(self.names)):
            raise ValueError(f"the checkpoint has parameter {extra[0]}, the network lacks it")
        return torch.cat([named[name].flatten() for name in self.names])

    def initial(self, seed: int) -> Tensor:
        """Return the first weights, (d,) on the CPU, drawn from `seed` and the parameters' names.

        The network's attribute `law` draws them if there is one, else `default_law`.
        """
        law: Law = getattr(self.network, "law", default_law)
        parts = []
        for name in self.names:
            path, _, last = name.rpartition(".")
            key = seeds.key("initialisation", seed, name)
            parts.append(law(self.network.get_submodule(path), last, key))
        return torch.cat(parts)


def default_law(layer: nn.Module, name: str, key: int) -> Tensor:
    """PyTorch's default initialisation.

    Layers with a `weight` of two or more dimensions draw weight and bias from
    U(-1/sqrt(fan_in), 1/sqrt(fan_in)); norm layers start at weight 1, bias 0.
    """
    size = layer.get_parameter(name).numel()
    fan = getattr(layer, "weight", None)
    if fan is None or fan.dim() < 2:
        return torch.full((size,), 1.0 if name == "weight" else 0.0)
    bound = 1 / math.sqrt(math.prod(fan.shape[1:]))
    bits = words(torch.tensor([seeds.signed(key)]), 0, size)[0] >> 40  # the upper 24 of each word
    return (bits.float() + 0.5) / 2**23 * bound


def _detach(module: nn.Module, name: str) -> tuple[dict[str, object], str]:
    """Take a parameter out of its layer; return the dictionary and key for a tensor instead."""
    path, _, last = name.rpartition(".")
    layer = module.get_submodule(path)
    del layer._parameters[last]
    return layer.__dict__, last
