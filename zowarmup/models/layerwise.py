"""A forward pass that makes the parameters of one layer at a time and drops them afterwards.

So a client that can hold and run the model can also run it at w + eps z. Beside the weights, the
client holds one perturbed layer, a piece of the direction and the activations of a micro-batch.
"""

import itertools
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from torch import Tensor, nn

from zowarmup.models import structure
from zowarmup.models.flat import FlatModel

CHUNK = 1 << 16  # entries of a direction made at a time: a quarter of a megabyte

Part = Callable[[int, int], Tensor]
Places = list[tuple[str, int, tuple[int, ...]]]  # name in the layer, start in w, shape


def logits(model: FlatModel, part: Part, x: Tensor) -> Tensor:
    """The network's output, (n, ...) -> (n, classes).

    Args:
        part: a function of (start, stop) that returns entries start..stop-1 of the parameters.
    """
    with ExitStack() as hooks:
        for layer, places in _layers(model):
            _drop(places, layer)  # of an earlier call: a layer that reads those of another fails
            fill, drop = partial(_fill, places, part), partial(_drop, places)
            hooks.callback(layer.register_forward_pre_hook(fill).remove)
            hooks.callback(layer.register_forward_hook(drop).remove)
        model.place_constants(x.device)
        out: Tensor = model.shell(x)
    return out


def _layers(model: FlatModel) -> list[tuple[nn.Module, Places]]:
    """Return the layers that have parameters, each with the places of its parameters."""
    layers: dict[int, tuple[nn.Module, Places]] = {}
    starts = list(itertools.accumulate(model.sizes, initial=0))
    for name, i in model.aliases.items():
        path, _, last = name.rpartition(".")
        layer = model.shell.get_submodule(path)
        layers.setdefault(id(layer), (layer, []))[1].append((last, starts[i], model.shapes[i]))
    return [*layers.values()]


def _fill(places: Places, part: Part, layer: nn.Module, inputs: object) -> None:
    slots = structure.slots(layer)
    for name, start, shape in places:
        slots[name] = part(start, start + math.prod(shape)).view(shape)


def _drop(places: Places, layer: nn.Module, *args: object) -> None:
    slots = structure.slots(layer)
    for name, _, _ in places:
        slots.pop(name, None)
