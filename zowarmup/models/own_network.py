"""A network in a file of the user's own, as a function of its flat parameters.

Unlike a built-in network it starts from the weights that its own code gives it: the function is
called once more for each seed, with torch's random numbers drawn from this seed. The state of the
global generator is the same afterwards.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.lazy import LazyModuleMixin

from zowarmup.common import seeds, user_code
from zowarmup.common.errors import UserError
from zowarmup.config.registry import module_of, object_of
from zowarmup.models import structure
from zowarmup.models.flat import FlatModel

Arguments = Mapping[str, Any]


def build(
    source: str, arguments: Arguments, shape: tuple[int, ...], classes: int, width: float
) -> FlatModel:
    """Build the network of an entry "file.py:name".

    Args:
        arguments: further arguments of the function.
        shape: of one input, such as (C, H, W).
        width: multiple of the channels; other values than 1 need a function with this keyword.

    Raises:
        UserError: the file, the function or the network cannot be used; it says what to change.
    """
    keywords = _keywords(source, (shape, classes), arguments)
    if width != 1 and "width" not in keywords:
        raise UserError(
            f"width: {width:g}: {source} takes no keyword `width`; leave the key out, or give the "
            "function this keyword"
        )

    def make(seed: int, relative: float = 1.0, scale: float = 1.0) -> nn.Module:
        scaling = {"width": width * relative, "scale": scale}
        own = {key: value for key, value in scaling.items() if key in keywords}
        return module(source, {**arguments, **own}, shape, classes, seed)

    def family(relative: float, scale: float) -> nn.Module:
        if scale != 1 and "scale" not in keywords:
            raise UserError(
                f"{source} takes no keyword `scale`, by which a narrow network divides its "
                "activations; give it this keyword, or set `scaler: false` of heterofl"
            )
        return make(0, relative, scale)

    def first(seed: int) -> Tensor:
        parameters = structure.parts(make(seed)).parameters
        return torch.cat([p.detach().flatten() for p in parameters.values()])

    return FlatModel(make(0), family if "width" in keywords else None, first)


def module(
    source: str, arguments: Arguments, shape: tuple[int, ...], classes: int, seed: int
) -> nn.Module:
    """Call the user's function, with torch's random numbers drawn from the seed.

    Raises:
        UserError: see `build`.
    """
    factory = object_of(source)
    with user_code.running(module_of(source)), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.key("initialisation", seed))
        with torch.device("cpu"):
            network = factory(shape, classes, **arguments)
    return _checked(network, source)


def _keywords(source: str, given: tuple[object, ...], arguments: Arguments) -> set[str]:
    """The names of the parameters of a function or of a class's __init__.

    Raises:
        UserError: it does not take the arguments.
    """
    try:
        signature = inspect.signature(object_of(source))
    except (TypeError, ValueError):  # without a signature, as some compiled functions
        return set()
    try:
        signature.bind(*given, **arguments)
    except TypeError as error:
        keys = ", ".join(["the shape of an input", "the number of classes", *arguments])
        raise UserError(f"{source}: {error}; its arguments are {keys}") from None
    return set(signature.parameters)


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
