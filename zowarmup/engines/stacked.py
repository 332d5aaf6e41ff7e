"""Layers of many models side by side, each as one or a few large operations.

    B, G    number of clients; number of models, G/B for each client, in the order of the clients
    n       number of images of a client
    h       activations with the images innermost, (B or G, features, n) or
            (B or G, channels, height, width, n); B up to the first layer with weights, because
            all models of a client share its input

With the images innermost, a layer is a batched matrix product whose result is the next layer's
input without a copy, and all operations between the products run over contiguous numbers. These
wait for memory, not for arithmetic, so they make few passes and reuse memory.

LAYERS maps a layer type to a function(layer, h, *parameters), with parameters (G, ...) each.
"""

import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from zowarmup.models.scaler import Scaler


def flatten(layer: nn.Flatten, h: Tensor) -> Tensor:
    return h.flatten(1, -2)


def relu(layer: nn.ReLU, h: Tensor) -> Tensor:
    return h.relu_()


def scaler(layer: Scaler, h: Tensor) -> Tensor:
    return h.div_(layer.scale)


def linear(layer: nn.Linear, h: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return product(h, weight, bias)


def convolution(layer: nn.Conv2d, h: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A product with the unfolded images, or a convolution where that is faster."""
    alone = math.prod(layer.kernel_size) == 1  # then unfolding changes nothing
    if len(h) == len(weight) and layer.stride[1] == 1 and not (weight.requires_grad or alone):
        return grouped(layer, h, weight, bias)
    patches = windows(layer, h)
    inputs, weight = patches.flatten(4).flatten(1, 3), weight.flatten(2)
    if bias is not None:  # the bias becomes the weight of one more input, a 1, to save a pass
        inputs, weight = pad(inputs, (0, 0, 0, 1), value=1), torch.cat((weight, bias[..., None]), 2)
    return product(inputs, weight, None).unflatten(2, patches.shape[4:])


def max_pool(layer: nn.MaxPool2d, h: Tensor) -> Tensor:
    """Maxima over the rows of a window, then over its columns."""
    (kh, kw), (down, right) = pair(layer.kernel_size), pair(layer.stride)
    h = functools.reduce(torch.maximum, h.unfold(2, kh, down).unbind(-1))
    return functools.reduce(torch.maximum, h.unfold(3, kw, right).unbind(-1))


def group_norm(
    layer: nn.GroupNorm,
    h: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    pool: Callable[[Tensor], Tensor] = lambda h: h,
) -> Tensor:
    """Apply the norm and the pooling after it.

    A positive scale keeps the order of numbers, even after rounding, so the maxima can be taken
    first, which saves most of the scaling; the bits are the same.
    """
    mean, scale = moments(layer, h)
    if weight is not None:
        scale = scale * weight.view(*scale.shape[:2], -1, 1)
    if bias is None:
        shift = -mean * scale
    else:
        shift = torch.addcmul(bias.view(*scale.shape[:2], -1, 1), mean, scale, value=-1)
    early = bool((scale > 0).all())
    h = pool(h) if early else h
    channels = h.view(*scale.shape[:2], layer.num_channels // layer.num_groups, -1, h.shape[-1])
    y = torch.addcmul(shift[:, :, :, None], channels, scale[:, :, :, None]).view(h.shape)
    return y if early else pool(y)


def moments(layer: nn.GroupNorm, h: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation of each group and image, (G, groups, 1, n).

    The variance is E[x^2] - E[x]^2, which saves a pass. Its error is (mean / deviation)^2
    roundings, so the engine plain is better for groups whose mean is far from zero.
    """
    groups = h.view(len(h), layer.num_groups, -1, h.shape[-1])
    count = groups.shape[2]
    # Summed in pieces: a tensor of all squares would not fit the cache.
    first, *others = groups.unflatten(2, (math.gcd(count, 16), -1)).unbind(2)
    squares = first.square()
    for piece in others:
        squares.addcmul_(piece, piece)
    mean = groups.sum(2, keepdim=True) / count
    variance = (squares.sum(2, keepdim=True) / count).addcmul_(mean, mean, value=-1)
    return mean, variance.clamp_(min=0).add_(layer.eps).rsqrt_()


LAYERS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.Flatten: flatten,
    nn.Linear: linear,
    nn.Conv2d: convolution,
    nn.GroupNorm: group_norm,
    nn.ReLU: relu,
    nn.MaxPool2d: max_pool,
    Scaler: scaler,
}


def product(h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """h (B or G, k, m), weight (G, out, k), bias (G, out) -> (G, out, m)."""
    G, out, k = weight.shape
    B, m = len(h), h.shape[2]
    if B < G:
        weight = weight.reshape(B, -1, k)
        bias = None if bias is None else bias.reshape(B, -1)
    y = torch.bmm(weight, h)
    if bias is not None:
        y.add_(bias[..., None])
    return y.view(G, out, m) if B < G else y


def windows(layer: nn.Conv2d, h: Tensor) -> Tensor:
    """The input that each weight multiplies: (G, C, H, W, n) -> (G, C, kh, kw, H', W', n)."""
    (top, left), (kh, kw), (down, right) = padding(layer), layer.kernel_size, layer.stride
    h = pad(h, (0, 0, left, left, top, top))
    return h.unfold(2, kh, down).unfold(3, kw, right).movedim((5, 6), (2, 3))


def grouped(layer: nn.Conv2d, h: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve with one group per model; neighbours in an image row lie n numbers apart.

    With several threads, the division of the work among them, and so the rounding, depends on the
    number of groups. Then only the two models of a direction are computed together.
    """
    if torch.get_num_threads() > 1 and len(h) > 2 and len(h) % 2 == 0:
        biases = [None] * (len(h) // 2) if bias is None else bias.split(2)
        pairs = zip(h.split(2), weight.split(2), biases, strict=True)
        return torch.cat([grouped(layer, *pair) for pair in pairs])
    n, (top, left) = h.shape[-1], padding(layer)
    y = conv2d(
        h.reshape(1, -1, h.shape[2], h.shape[3] * n),
        weight.flatten(0, 1),
        None if bias is None else bias.flatten(),
        stride=(layer.stride[0], 1),
        padding=(top, left * n),
        dilation=(1, n),
        groups=len(h),
    )
    return y.view(*weight.shape[:2], y.shape[2], -1, n)


def padding(layer: nn.Conv2d) -> tuple[int, int]:
    assert not isinstance(layer.padding, str)  # see chain.ordinary
    return pair(layer.padding)


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
