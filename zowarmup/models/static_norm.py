"""HeteroFL's static batch norm: no running statistics while clients train.

In training each batch is normalised with its own mean and variance. For an evaluation the server
collects statistics of the training set in one pass with the current model: mean and variance of
each layer's input, averaged over the batches, each batch counting the same whatever its size. Each
batch must mix the clients, or the variance between clients is left out. The server then reads all
clients' images, which it could not do in a real federation. Two-point losses use batch statistics
too, so they depend on the size of a micro-batch.

Reference: Diao et al. 2021, arXiv:2010.01264, section 3; BatchNorm: Ioffe and Szegedy 2015,
arXiv:1502.03167.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm

from zowarmup.models.flat import FlatModel

Moments = tuple[Tensor, Tensor]  # mean and variance of a layer's input, (channels,) each
Statistics = Mapping[str, Moments]  # by the name of each static norm


class StaticNorm(nn.Module):
    """nn.BatchNorm2d that always uses the batch's statistics and keeps none."""

    eps = 1e-5  # as in nn.BatchNorm2d

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return batch_norm(x, None, None, self.weight, self.bias, training=True, eps=self.eps)


def has(model: FlatModel) -> bool:
    """Whether an evaluation of the model needs statistics."""
    return bool(_layers(model))


@torch.no_grad()
def collect(model: FlatModel, w: Tensor, batches: Iterable[Tensor]) -> Statistics:
    """Return the statistics of the training set at w, as nn.BatchNorm2d(momentum=None) would.

    Args:
        batches: at least one; each (n, C, H, W), on the device of w.
    """
    layers = _layers(model)
    mean_var = {
        name: (w.new_zeros(layer.channels), w.new_ones(layer.channels))
        for name, layer in layers.items()
    }
    for k, x in enumerate(batches, 1):
        with ExitStack() as hooks:
            for name, layer in layers.items():
                see = partial(_see, mean_var[name], 1 / k)
                hooks.callback(layer.register_forward_pre_hook(see).remove)
            model.logits(w, x)
    return mean_var


@contextmanager
def using(model: FlatModel, statistics: Statistics) -> Iterator[None]:
    """Within the block, normalise with these statistics instead of the batch's."""
    with ExitStack() as hooks:
        for name, layer in _layers(model).items():
            normalise = partial(_normalise, statistics[name])
            hooks.callback(layer.register_forward_hook(normalise).remove)
        yield


def _layers(model: FlatModel) -> dict[str, StaticNorm]:
    named = model.shell.named_modules()
    return {name: layer for name, layer in named if isinstance(layer, StaticNorm)}


def _see(mean_var: Moments, share: float, layer: nn.Module, inputs: tuple[Tensor]) -> None:
    """Move the statistics towards those of a batch, in place."""
    batch_norm(*inputs, *mean_var, training=True, momentum=share)


def _normalise(mean_var: Moments, layer: StaticNorm, inputs: tuple[Tensor], _: Tensor) -> Tensor:
    return batch_norm(*inputs, *mean_var, layer.weight, layer.bias, eps=layer.eps)
