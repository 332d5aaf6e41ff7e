"""Peak memory of one client in bytes, computed from the network; the images come on top.

    backpropagation   4 d weights + 4 d gradients (+ 4 d momentum) + what forward saves for backward
    inference         4 d weights + the activations alive at the worst moment of a forward pass
    zeroth order      as inference, + the perturbed parameters of the layer at work
                      + the piece of the direction from which they are made

Activations are counted in passes on the meta device, whose tensors have a size but no memory.
Backpropagation is counted as if all gradients and all activations existed at once. A real step
frees activations early and needs a few per cent less. If the weights outweigh the activations, it
needs more, because autograd builds the flat gradient from parts that together are as large again.
The only scratch memory counted is the second copy of a convolution's output that oneDNN makes on
CPUs to change the layout. oneDNN also pads fewer than 16 channels to 16, so that networks with
such layers need up to a third more.
"""

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from zowarmup.models import layerwise, loss, structure
from zowarmup.models.flat import FlatModel

FLOAT = 4  # bytes
Shape = tuple[int, ...]  # of one input, such as (C, H, W)


def backprop(
    model: FlatModel,
    shape: Shape,
    batch: int,
    *,
    momentum: bool = False,
    dtype: torch.dtype = torch.float32,
) -> int:
    """Return the peak bytes of an SGD step on a batch of inputs of this shape, such as (C, H, W).

    Args:
        dtype: of the inputs as the network gets them: int64 for tokens.
    """
    vectors = 3 if momentum else 2
    return vectors * FLOAT * model.d + saved(model, shape, batch, dtype)


def inference(
    model: FlatModel, shape: Shape, batch: int, dtype: torch.dtype = torch.float32
) -> int:
    """Return the peak bytes of a forward pass over a batch."""
    w = _empty(model.d)
    return FLOAT * model.d + _alive(lambda: model.logits(w, _inputs(batch, shape, dtype)))


def zeroth_order(
    model: FlatModel, shape: Shape, batch: int, dtype: torch.dtype = torch.float32
) -> int:
    """Return the peak bytes of the engine layerwise at two-point losses, `batch` images a pass."""

    def perturbed(start: int, stop: int) -> Tensor:
        return _empty(stop - start)

    alive = _alive(lambda: layerwise.logits(model, perturbed, _inputs(batch, shape, dtype)))
    return FLOAT * (model.d + min(layerwise.CHUNK, model.d)) + alive


def saved(
    model: FlatModel,
    shape: Shape,
    batch: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "meta",
) -> int:
    """Count the bytes kept for the backward pass: shared memory once, parameters not at all."""
    w = torch.zeros(model.d, device=device, requires_grad=True)
    kept: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.device(device), _Fused(), saved_tensors_hooks(pack, lambda tensor: tensor):
        x = torch.zeros(batch, *shape, dtype=dtype, device=device)
        out = structure.one_tensor(model.logits(w, x), type(model.network).__name__)
        labels = torch.zeros(out.shape[:-1], dtype=torch.int64, device=device)
        of_batch = loss.mean(out, labels)
    del out, of_batch  # until here the loss kept the saved tensors alive
    kept.pop(w.untyped_storage()._cdata, None)
    return sum(storage.nbytes() for storage in kept.values())


@torch.no_grad()
def _alive(run: Callable[[], Any]) -> int:
    """Return the peak bytes of the tensors that `run` makes."""
    # The device is for tensors that a network makes itself.
    with torch.device("meta"), _Fused(), _Alive() as alive:
        run()
    return alive.peak


class _Fused(TorchFunctionMode):
    """Counts attention as devices compute it, by a kernel that keeps no T x T weights.

    On the meta device, PyTorch would take attention apart instead.
    """

    def __torch_function__(self, func: Any, _: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if (
            func is scaled_dot_product_attention
            and len(args) == 3
            and given.keys() <= {"is_causal"}
        ):
            fused = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
            return fused(*args, is_causal=given.get("is_causal", False))[0]
        return func(*args, **given)


class _Alive(TorchDispatchMode):
    """Counts the bytes of tensors that operations return, until their memory is freed."""

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


def _inputs(batch: int, shape: Shape, dtype: torch.dtype) -> Tensor:
    return torch.empty(batch, *shape, device="meta", dtype=dtype)


def _empty(*shape: int) -> Tensor:
    return torch.empty(shape, device="meta")
