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
            fill, drop = partial(_fill, places, part), partial(_drop, places)
            hooks.callback(layer.register_forward_pre_hook(fill).remove)
            hooks.callback(layer.register_forward_hook(drop).remove)
        out: Tensor = model.shell(x)
    return out


def _layers(model: FlatModel) -> list[tuple[nn.Module, Places]]:
    """Return the layers that have parameters, each with the places of its parameters."""
    by_layer: dict[str, Places] = {}
    starts = itertools.accumulate(model.sizes, initial=0)
    for name, shape, start in zip(model.names, model.shapes, starts, strict=False):
        path, _, last = name.rpartition(".")
        by_layer.setdefault(path, []).append((last, start, shape))
    return [(model.shell.get_submodule(path), places) for path, places in by_layer.items()]


def _fill(places: Places, part: Part, layer: nn.Module, inputs: object) -> None:
    for name, start, shape in places:
        layer.__dict__[name] = part(start, start + math.prod(shape)).view(shape)


def _drop(places: Places, layer: nn.Module, inputs: object, output: object) -> None:
    for name, _, _ in places:
        del layer.__dict__[name]
