"""Operations whose result for one model under vmap does not depend on the number of models.

vmap merges the convolutions of all models into one, with a group for each model, and their batch
norms into one over all channels. A library picks a kernel by the number of groups and adds up
channels in an order that depends on their place, so a model's last bits would depend on the others.

    with BatchInvariant():
        vmap(network)(W, x)

G models, n images, C channels.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import batch_norm
from torch.overrides import TorchFunctionMode

from zowarmup.models.aligned_memory import up

FOUR = 4  # models in one convolution; more is faster for many models, but wastes more at the end


class BatchInvariant(TorchFunctionMode):
    """Within the block, vmap convolves four models at a time and does batch norms one by one."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func not in RULES:
            return func(*args, **(kwargs or {}))
        arguments, rule = RULES[func]
        return _Operation.apply(func, rule, *arguments(*args, **(kwargs or {})))


class _Operation(torch.autograd.Function):
    """An operation with a vmap rule; gradients flow through the functions that the rule calls."""

    @staticmethod
    def forward(func: Callable[..., Tensor], rule: object, *args: Any) -> Tensor:
        return func(*args)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass  # outside of vmap nothing is differentiated through this

    @staticmethod
    def vmap(info: Any, in_dims: Any, func: Any, rule: Any, *args: Any) -> tuple[Tensor, int]:
        out: tuple[Tensor, int] = rule(func, info.batch_size, in_dims[2:], args)
        return out


def _of_convolution(
    input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> tuple[Any, ...]:  # fmt: skip
    """Return all arguments in order, whether given by position or by name."""
    return input, weight, bias, stride, padding, dilation, groups


def _of_batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> tuple[Any, ...]:  # fmt: skip
    return input, running_mean, running_var, weight, bias, training, momentum, eps


def _in_fours(func: Any, G: int, in_dims: Any, args: Any) -> tuple[Tensor, int]:
    """Convolve four models at a time, with a group for each model.

    Returns:
        (n, G, C, ...), and the dimension that counts the models.
    """
    x, weight, *bias = (
        _complete(t, dim, G, to)
        for t, dim, to in zip(args[:3], in_dims, (1, 0, 0), strict=False)
        if t is not None
    )
    *rest, groups = args[3:]
    fours = (
        x.flatten(1, 2).split(FOUR * x.shape[2], dim=1),
        weight.flatten(0, 1).split(FOUR * weight.shape[1]),
        *(b.flatten().split(FOUR * b.shape[1]) for b in bias),
    )
    none = [] if bias else [None]
    out = [func(*own, *none, *rest, FOUR * groups) for own in zip(*fours, strict=True)]
    return torch.cat(out, dim=1).unflatten(1, (x.shape[1], -1))[:, :G], 1


def _one_by_one(func: Any, G: int, in_dims: Any, args: Any) -> tuple[Tensor, int]:
    """Compute each model alone on contiguous memory, because strides too change a sum's order.

    Returns:
        (G, n, C, ...), and the dimension that counts the models.
    """
    each = [
        arg.movedim(dim, 0).contiguous().unbind() if isinstance(dim, int) else [arg] * G
        for arg, dim in zip(args, in_dims, strict=True)
    ]
    return torch.stack([func(*own) for own in zip(*each, strict=True)]), 0


def _complete(t: Tensor, dim: int | None, G: int, to: int) -> Tensor:
    """Put the G models at dimension `to`, with the last repeated up to a multiple of FOUR."""
    if dim is None:
        t = t.unsqueeze(to).expand(*t.shape[:to], G, *t.shape[to:])
    else:
        t = t.movedim(dim, to)
    more = up(G, FOUR) - G
    return torch.cat((t, *[t.narrow(to, G - 1, 1)] * more), dim=to) if more else t


# function -> (all its arguments in their order, its rule)
RULES: dict[Any, tuple[Callable[..., tuple[Any, ...]], Callable[..., tuple[Tensor, int]]]] = {
    torch.conv1d: (_of_convolution, _in_fours),
    torch.conv2d: (_of_convolution, _in_fours),
    torch.conv3d: (_of_convolution, _in_fours),
    batch_norm: (_of_batch_norm, _one_by_one),
}
