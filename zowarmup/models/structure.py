"""The tensors of a network: what trains, under which names, and what stays as it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from zowarmup.common.errors import UserError

# The reason why no round can carry such a layer, as the end of a sentence.
STATISTICS = (
    "whose running statistics no round averages: use LayerNorm or GroupNorm, or in place of "
    "BatchNorm2d zowarmup.models.static_norm.StaticNorm, whose statistics the server collects"
)


@dataclass(frozen=True)
class Parts:
    """The tensors of a network by name.

    Attributes:
        parameters: what trains; a tensor that the network uses twice is here once.
        aliases: for each name of a parameter, its place in `parameters`.
        constants: frozen parameters and buffers.
    """

    parameters: Mapping[str, Tensor]
    aliases: Mapping[str, int]
    constants: Mapping[str, Tensor]


def parts(network: nn.Module) -> Parts:
    """Sort the tensors of a network.

    Raises:
        UserError: a layer keeps running statistics, or nothing trains.
    """
    _check_norms(network)
    parameters = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if not parameters:
        raise UserError(
            f"{type(network).__name__} has no parameter that trains; give it one, with "
            "requires_grad=True"
        )
    place = {id(p): i for i, p in enumerate(parameters.values())}
    every = dict(network.named_parameters(remove_duplicate=False))
    aliases = {name: place[id(p)] for name, p in every.items() if p.requires_grad}
    constants = {name: p.detach() for name, p in every.items() if not p.requires_grad}
    constants |= dict(network.named_buffers(remove_duplicate=False))
    return Parts(parameters, aliases, constants)


def keeps_statistics(layer: nn.Module) -> bool:
    """Whether a norm keeps running statistics, or would need them to evaluate."""
    running = getattr(layer, "running_mean", None) is not None
    return isinstance(layer, _BatchNorm) or (isinstance(layer, _InstanceNorm) and running)


def _check_norms(network: nn.Module) -> None:
    for name, layer in network.named_modules():
        if keeps_statistics(layer):
            kind = f"{name or 'it'} is a {type(layer).__name__}"
            raise UserError(f"{type(network).__name__}: {kind} {STATISTICS}")


def one_tensor(out: object, name: str) -> Tensor:
    """Return the output of a network, whose name stands in the message.

    Raises:
        UserError: it is something else.
    """
    if not isinstance(out, Tensor):
        raise UserError(f"{name}: forward returns a {type(out).__name__}; return one tensor")
    return out


class Attributes:
    """Sets tensors of a layer that keeps a list of its own of them, as a recurrent one does."""

    def __init__(self, layer: nn.Module) -> None:
        self.layer = layer

    def __setitem__(self, name: str, value: Tensor) -> None:
        setattr(self.layer, name, value)

    def pop(self, name: str, default: None) -> None:
        """Remove a tensor, if it is there."""
        self.layer.__dict__.pop(name, default)


Slots = dict[str, Tensor] | Attributes  # where a layer finds its tensors by name


def slots(layer: nn.Module) -> Slots:
    """Return the place of a layer's tensors, for tensors that are no parameters."""
    plain = type(layer).__setattr__ is nn.Module.__setattr__
    return layer.__dict__ if plain else Attributes(layer)


def detached(module: nn.Module, names: Iterable[str]) -> list[tuple[Slots, str]]:
    """Take tensors out of their layers; return for each the place and the key for another one."""
    places = []
    for name in names:
        path, _, last = name.rpartition(".")
        layer = module.get_submodule(path)
        layer._parameters.pop(last, None)
        layer._buffers.pop(last, None)
        places.append((slots(layer), last))
    return places
