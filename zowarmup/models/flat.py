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
from zowarmup.models import aligned_memory, structure
from zowarmup.models.directions import words

# (relative width, scale) -> a narrower version of the network, see models.width
Family = Callable[[float, float], nn.Module]

# (layer, name of one of its parameters, key of the draw) -> first values, flat, float32
Law = Callable[[nn.Module, str, int], Tensor]

First = Callable[[int], Tensor]  # seed -> first weights, (d,) on the CPU


class FlatModel:
    """A network as a function of its flat parameters.

    A parameter with several names is one part of w; frozen parameters and buffers are constants.

    Attributes:
        d: number of parameters.
        names, shapes, sizes: one entry per parameter, in the order of `named_parameters`.
        aliases: for each name of a parameter its place in `names`; most have one name.
        constants: frozen parameters and buffers by name.
        network: the module on the meta device, for its structure.
        shell: `network` without its tensors; a caller first puts tensors in their places.
        family: builds a narrower version of the network, if it can be built.
        first: draws the first weights from a seed; None for those of the network's `law`.
    """

    def __init__(
        self, network: nn.Module, family: Family | None = None, first: First | None = None
    ) -> None:
        """Take the structure of a network, best built on the meta device, without its weights.

        Raises:
            UserError: a layer keeps running statistics, or no parameter trains.
        """
        parts = structure.parts(network)
        self.names = [*parts.parameters]
        self.shapes = [tuple(p.shape) for p in parts.parameters.values()]
        self.sizes = [math.prod(shape) for shape in self.shapes]
        self.d = sum(self.sizes)
        self.aliases, self.constants = parts.aliases, parts.constants
        self.network = copy.deepcopy(network).to("meta").eval()
        self.shell = copy.deepcopy(self.network)
        self.family, self.first = family, first
        self._slots = structure.detached(self.shell, [*self.aliases])
        self._constant_slots = structure.detached(self.shell, [*self.constants])
        self._places = [*self.aliases.values()]
        self._on: dict[torch.device, list[Tensor]] = {}  # constants by device

    @property
    def is_plain(self) -> bool:
        """Whether each parameter has one name, and there are no constants."""
        return len(self.aliases) == len(self.names) and not self.constants

    def views(self, w: Tensor) -> Iterator[Tensor]:
        """Cut w into tensors of the parameters' shapes, which share w's memory and gradient."""
        return (v.view(s) for v, s in zip(w.split(self.sizes), self.shapes, strict=True))

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """The parameters by name, as views of w."""
        return dict(zip(self.names, self.views(w), strict=True))

    def logits(self, w: Tensor, x: Tensor) -> Tensor:
        """The network's output for a batch, (n, ...) -> (n, classes)."""
        views = [*self.views(aligned_memory.begin(w))]
        for (slot, name), i in zip(self._slots, self._places, strict=True):
            slot[name] = views[i]
        self.place_constants(w.device)
        return self.shell(x)

    def place_constants(self, device: torch.device) -> None:
        """Put the constants into the shell."""
        for (slot, name), tensor in zip(self._constant_slots, self._constants(device), strict=True):
            slot[name] = tensor

    def tensors(self, w: Tensor) -> dict[str, Tensor]:
        """Every tensor of the network by each of its names."""
        views, constants = [*self.views(w)], self._constants(w.device)
        own = {name: views[i] for name, i in self.aliases.items()}
        return own | dict(zip(self.constants, constants, strict=True))

    def module(self, w: Tensor) -> nn.Module:
        """Return a new plain module that holds the weights w."""
        network = copy.deepcopy(self.network).to_empty(device=w.device)
        given = [nn.Parameter(view.detach().clone()) for view in self.views(w)]
        for name, i in self.aliases.items():
            _put(network, name, given[i])
        for name, constant in zip(self.constants, self._constants(w.device), strict=True):
            _put(network, name, constant.clone())
        return network

    def _constants(self, device: torch.device) -> list[Tensor]:
        if device not in self._on:
            self._on[device] = [tensor.to(device) for tensor in self.constants.values()]
        return self._on[device]

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
        if self.first is not None:
            return self.first(seed)
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


def _put(network: nn.Module, name: str, tensor: Tensor) -> None:
    """Put a parameter or a constant into its layer."""
    path, _, last = name.rpartition(".")
    layer = network.get_submodule(path)
    if last in layer._buffers:
        layer._buffers[last] = tensor
    else:
        frozen = not isinstance(tensor, nn.Parameter)
        setattr(layer, last, nn.Parameter(tensor, requires_grad=False) if frozen else tensor)
