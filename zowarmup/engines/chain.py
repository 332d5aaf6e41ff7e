"""A network as a chain of stacked layers."""

import dataclasses
import functools
from typing import Protocol

from torch import Tensor, nn

from zowarmup.common.errors import UserError
from zowarmup.engines.stacked import LAYERS, group_norm, pair


class Layer(Protocol):
    """A layer of many models, see `stacked`."""

    def __call__(self, h: Tensor, *parameters: Tensor) -> Tensor: ...


@dataclasses.dataclass(frozen=True)
class Link:
    """A stacked layer: its type, its function and the number of parameters the function takes."""

    layer: type[nn.Module]
    apply: Layer
    parameters: int


def logits(links: list[Link], parameters: list[Tensor], h: Tensor) -> Tensor:
    """The outputs of G models: parameters (G, ...) each, h (B, ..., n) -> (G, classes, n)."""
    rest = iter(parameters)
    for link in links:
        h = link.apply(h, *(next(rest) for _ in range(link.parameters)))
    return h


def chain(network: nn.Module) -> list[Link]:
    """The layers of a network in order.

    Raises:
        UserError: the network is not a plain chain of layers in LAYERS, or a layer has an option
            that its stacked function does not know.
    """
    plain = type(network).forward is nn.Sequential.forward  # also of a subclass with a `law`
    layers = [*network.children()] if plain else [network]
    for layer in layers:
        if type(layer) not in LAYERS or not ordinary(layer):
            raise UserError(unsuitable(layer))
    work = [layer for layer in layers if not isinstance(layer, nn.Flatten)]
    if not work or not isinstance(work[0], nn.Linear | nn.Conv2d):
        raise UserError(unsuitable(network))
    return links(pool_first(layers))


def unsuitable(module: nn.Module) -> str:
    name = type(module).__name__ if list(module.children()) else repr(module)
    return (
        f"engine batched cannot stack {name}: it takes an nn.Sequential of "
        f"{', '.join(t.__name__ for t in LAYERS)} with ordinary options that begins with a "
        "Linear or Conv2d; set engine.name to vmap or plain"
    )


def ordinary(layer: nn.Module) -> bool:
    """Whether the options of a layer are among those that its stacked function knows."""
    if isinstance(layer, nn.Conv2d):
        options = (layer.groups, layer.dilation, layer.padding_mode)
        return options == (1, (1, 1), "zeros") and not isinstance(layer.padding, str)
    if isinstance(layer, nn.MaxPool2d):
        padding, dilation = pair(layer.padding), pair(layer.dilation)
        pooling = (padding, dilation, layer.ceil_mode, layer.return_indices)
        return pooling == ((0, 0), (1, 1), False, False)
    if isinstance(layer, nn.Flatten):
        return (layer.start_dim, layer.end_dim) == (1, -1)
    return True


def pool_first(layers: list[nn.Module]) -> list[nn.Module]:
    """Move pooling before the ReLU that precedes it: the same values, and fewer to rectify."""
    layers = list(layers)
    for i in range(1, len(layers)):
        if isinstance(layers[i], nn.MaxPool2d) and isinstance(layers[i - 1], nn.ReLU):
            layers[i - 1], layers[i] = layers[i], layers[i - 1]
    return layers


def links(layers: list[nn.Module]) -> list[Link]:
    """Return the links of a chain; a norm and the pooling after it share one link."""
    chained: list[Link] = []
    for before, layer in zip([None, *layers], layers, strict=False):
        apply = functools.partial(LAYERS[type(layer)], layer)
        if isinstance(before, nn.GroupNorm) and isinstance(layer, nn.MaxPool2d):
            norm = functools.partial(group_norm, before, pool=apply)
            chained[-1] = dataclasses.replace(chained[-1], apply=norm)
        else:
            chained.append(Link(type(layer), apply, len(list(layer.parameters()))))
    return chained
