"""A network of the user's own, as a function of its flat parameters.

Unlike a built-in network it starts from the weights that its own code gives it: the function is
called once more for each seed, with torch's random numbers drawn from this seed. The state of the
global generator is the same afterwards.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.lazy import LazyModuleMixin

from zowarmup.common import seeds, user_code
from zowarmup.common.errors import UserError
from zowarmup.config.registry import is_file, module_of, object_of
from zowarmup.models import structure
from zowarmup.models.flat import FlatModel

SCALING = {"width", "scale"}  # the keywords of a network that has narrower versions


@dataclass(frozen=True, eq=False)
class Factory:
    """A user's function that builds a network.

    Attributes:
        name: the function in messages; "file.py:name" where it comes from a file.
        call: takes the shape of an input and the number of classes, and returns an nn.Module.
        arguments: its further arguments.
    """

    name: str
    call: Callable[..., nn.Module]
    arguments: Mapping[str, Any]

    def module(
        self, shape: tuple[int, ...], classes: int, seed: int, **scaling: float
    ) -> nn.Module:
        """Call the function, with torch's random numbers drawn from the seed.

        Raises:
            UserError: see `build`.
        """
        with self.errors(), torch.random.fork_rng(devices=[]), torch.device("cpu"):
            torch.manual_seed(seeds.key("initialisation", seed))
            network = self.call(shape, classes, **self.arguments, **scaling)
        return _checked(network, self.name)

    def errors(self) -> AbstractContextManager[None]:
        """Explain errors in a file; in a notebook they show where they happen."""
        return user_code.running(module_of(self.name)) if is_file(self.name) else nullcontext()


def of_file(source: str, arguments: Mapping[str, Any]) -> Factory:
    """The function of an entry "file.py:name".

    Raises:
        UserError: the file is missing or fails, or has no such function.
    """
    return Factory(source, object_of(source), arguments)


def build(factory: Factory, shape: tuple[int, ...], classes: int, width: float) -> FlatModel:
    """Build a network.

    Args:
        shape: of one input, such as (C, H, W).
        width: multiple of the channels; other values than 1 need a function with the keywords
            `width` and `scale`.

    Raises:
        UserError: the function fails, or its network cannot be used; it says what to change.
    """
    given = {"the shape of an input": shape, "the number of classes": classes}
    taken = user_code.parameters(factory.name, factory.call, given, factory.arguments)
    # With one of the two keywords alone, or a value from the config, it is an argument like others.
    scalable = taken - set(factory.arguments) >= SCALING
    if width != 1 and not scalable:
        raise UserError(
            f"width: {width:g}: {factory.name} takes no keywords `width` and `scale`; leave the "
            "key out, or give the function both"
        )

    def make(seed: int, relative: float = 1.0, scale: float = 1.0) -> nn.Module:
        scaling = {"width": width * relative, "scale": scale} if scalable else {}
        return factory.module(shape, classes, seed, **scaling)

    def family(relative: float, scale: float) -> nn.Module:
        return make(0, relative, scale)

    def first(seed: int) -> Tensor:
        parameters = structure.parts(make(seed)).parameters
        return torch.cat([p.detach().flatten() for p in parameters.values()])

    return FlatModel(make(0), family if scalable else None, first)


def _checked(network: object, source: str) -> nn.Module:
    """Return a network that rounds can carry.

    Raises:
        UserError: it is no module, has a layer that draws random numbers or does not know its
            sizes, or is not in float32.
    """
    if not isinstance(network, nn.Module):
        raise UserError(f"{source}: returns a {type(network).__name__}; return an nn.Module")
    for name, layer in network.named_modules():
        if fault := _fault(layer):
            raise UserError(f"{source}: {name or 'it'} is a {type(layer).__name__} {fault}")
    for name, p in network.named_parameters():
        if p.dtype != torch.float32:
            raise UserError(
                f"{source}: parameter {name} is {p.dtype}, but w is float32: call .float() on the "
                "network before returning it"
            )
    return network


def _fault(layer: nn.Module) -> str:
    """The reason why no round can carry a layer, as the end of a sentence; "" for most layers."""
    if isinstance(layer, LazyModuleMixin):
        return "whose sizes are open until it runs: give its number of inputs, without Lazy"
    if structure.keeps_statistics(layer):
        return structure.STATISTICS
    if rate := _dropped(layer):
        return (
            f"that drops a share of {rate:g} at random, so the two losses of a pair would be of "
            "two networks: set its probability to 0, or leave it out"
        )
    return ""


def _dropped(layer: nn.Module) -> float:
    """The share that a layer drops at random in training, 0 for most layers."""
    if isinstance(layer, _DropoutNd):
        return layer.p
    return layer.dropout if isinstance(layer, nn.RNNBase | nn.MultiheadAttention) else 0.0
