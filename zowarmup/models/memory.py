"""Peak memory of one client, in bytes, from the network alone; its images come on top.

    backpropagation   4 d weights + 4 d gradients (+ 4 d momentum) + what forward saves for backward
    inference         4 d weights + the activations alive at the worst moment of a forward pass
    zeroth order      as inference, with the perturbed parameters of the layer at work among them,
                      + the piece of the direction that they are being made from

Activations are counted in passes over the meta device, which make every tensor without its memory.
Backpropagation is counted as if all gradients and all activations existed at once. A step that
frees activations as it goes stays below by a few per cent; one whose weights outweigh the
activations goes beyond, for autograd makes the gradient of the flat vector from parts that are as
large again. The only scratch counted is a second copy of a convolution's output in forward passes,
while oneDNN changes its layout on CPUs. It fills few channels up to 16: such networks need up to a
third more.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zowarmup.models import layerwise
from zowarmup.models.flat import FlatModel

FLOAT = 4  # bytes
Shape = tuple[int, int, int]


def backprop(model: FlatModel, shape: Shape, batch: int, *, momentum: bool = False) -> int:
    """A step of SGD on a batch of images of this shape (C, H, W)."""
    vectors = 3 if momentum else 2
    return vectors * FLOAT * model.d + saved(model, shape, batch)


def inference(model: FlatModel, shape: Shape, batch: int) -> int:
    """A forward pass over a batch."""
    w = _empty(model.d)
    return FLOAT * model.d + _alive(lambda: model.logits(w, _empty(batch, *shape)))


def zeroth_order(model: FlatModel, shape: Shape, batch: int) -> int:
    """Two-point losses by the engine `layerwise` in micro-batches of `batch` images."""

    def perturbed(start: int, stop: int) -> Tensor:
        return _empty(stop - start)

    alive = _alive(lambda: layerwise.logits(model, perturbed, _empty(batch, *shape)))
    return FLOAT * (model.d + min(layerwise.CHUNK, model.d)) + alive


def saved(model: FlatModel, shape: Shape, batch: int) -> int:
    """Bytes that a forward pass keeps for the backward pass, shared memory once, no parameters."""
    w = _empty(model.d).requires_grad_()
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        labels = torch.empty(batch, dtype=torch.int64, device="meta")
        loss = cross_entropy(model.logits(w, _empty(batch, *shape)), labels)
    del loss  # alive up to here, and with it all that it keeps
    kept.pop(w.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values())


@torch.no_grad()
def _alive(run: Callable[[], Any]) -> int:
    """Most bytes alive at once of all tensors that `run` makes."""
    with _Alive() as alive:
        run()
    return alive.peak


class _Alive(TorchDispatchMode):
    """Sees every tensor that an operation returns, and when its memory is given back."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.peak = 0, 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage()._cdata for t in _tensors((args, kwargs))}
        out = function(*args, **(kwargs or {}))
        for tensor in _tensors(out):
            if tensor.untyped_storage()._cdata not in given | self._known:
                self._made(tensor.untyped_storage())
        if function is torch.ops.aten.convolution.default:
            self.peak = max(self.peak, self.now + out.untyped_storage().nbytes())
        return out

    def _made(self, storage: torch.UntypedStorage) -> None:
        size, key = storage.nbytes(), storage._cdata
        self._known.add(key)
        weakref.finalize(storage, self._gone, key, size)
        self.now += size
        self.peak = max(self.peak, self.now)

    def _gone(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.now -= size


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")
