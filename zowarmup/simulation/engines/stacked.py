"""Many models of one architecture side by side, each layer as one large operation.

    B, G    clients; models, G/B of them for each client, in the order of the clients
    n       images of a client
    h       activations with the images innermost, (B or G, features, n) or
            (B or G, channels, height, width, n); B up to the first layer with weights, whose
            input all models of a client share

With the images innermost a layer is a batched matrix product whose result is the next layer's
input as it lies in memory, and everything between the products runs over contiguous numbers. The
layers after a product overwrite their input: memory that is already in the cache is the fastest.

LAYERS is the table: layer type -> function(layer, h, *its parameters, each (G, ...)).
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn


def flatten(layer: nn.Flatten, h: Tensor) -> Tensor:
    return h.flatten(1, -2)


def relu(layer: nn.ReLU, h: Tensor) -> Tensor:
    return h.relu_()


def linear(layer: nn.Linear, h: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return product(weight, bias, h)


def convolution(
    layer: nn.Conv2d, h: Tensor, weight: Tensor, bias: Tensor | None = None
) -> Tensor:
    """A product with the unfolded images."""
    patches = windows(layer, h)
    y = product(weight.flatten(2), bias, patches.flatten(4).flatten(1, 3))
    return y.unflatten(2, patches.shape[4:])


def group_norm(
    layer: nn.GroupNorm, h: Tensor, weight: Tensor | None = None, bias: Tensor | None = None
) -> Tensor:
    """Centre, then scale: the squares are summed about the mean, as rounding wants it."""
    G, C, n = h.shape[0], h.shape[1], h.shape[-1]
    groups = h.view(G, layer.num_groups, -1, n)
    groups.sub_(groups.mean(2, keepdim=True))
    scale = groups.square().mean(2, keepdim=True).add_(layer.eps).rsqrt_()
    if weight is None or bias is None:
        return (groups * scale).view(h.shape)
    scale = (scale * weight.view(G, layer.num_groups, -1, 1)).view(G, C, 1, n)
    channels = h.view(G, C, -1, n)
    kept = None if h.requires_grad else channels  # autograd needs the centred values again
    return torch.addcmul(bias[..., None, None], channels, scale, out=kept).view(h.shape)


def max_pool(layer: nn.MaxPool2d, h: Tensor) -> Tensor:
    """Maxima over the rows of a window, then over its columns."""
    (kh, kw), (down, right) = pair(layer.kernel_size), pair(layer.stride)
    h = functools.reduce(torch.maximum, h.unfold(2, kh, down).unbind(-1))
    return functools.reduce(torch.maximum, h.unfold(3, kw, right).unbind(-1))


LAYERS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.Flatten: flatten,
    nn.Linear: linear,
    nn.Conv2d: convolution,
    nn.GroupNorm: group_norm,
    nn.ReLU: relu,
    nn.MaxPool2d: max_pool,
}


def product(weight: Tensor, bias: Tensor | None, h: Tensor) -> Tensor:
    """weight (G, out, k) times h (B or G, k, m), plus bias (G, out) -> (G, out, m)."""
    B, k, m = h.shape
    rows = weight.reshape(B, -1, k)
    if m == 1:  # BLAS rounds one column otherwise for one client than for several
        y = (rows * h.mT).sum(2, keepdim=True)
    else:
        y = torch.bmm(rows, h)
    if bias is not None:
        y.add_(bias.reshape(B, -1, 1))
    return y.view(*weight.shape[:2], m)


def windows(layer: nn.Conv2d, h: Tensor) -> Tensor:
    """The input that each weight meets: (G, C, H, W, n) -> (G, C, kh, kw, H', W', n)."""
    (top, left), (kh, kw), (down, right) = pair(layer.padding), layer.kernel_size, layer.stride
    h = nn.functional.pad(h, (0, 0, left, left, top, top))
    return h.unfold(2, kh, down).unfold(3, kw, right).movedim((5, 6), (2, 3))


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def chain(network: nn.Module) -> list[nn.Module]:
    """The layers of a network that can be stacked, in order.

    A pooling after a ReLU is moved before it: the same values from fewer operations.

    Raises:
        ValueError: it is no plain chain of the layers in LAYERS, or one has an unknown option.
    """
    layers = list(network) if type(network) is nn.Sequential else [network]
    for layer in layers:
        if type(layer) not in LAYERS or not ordinary(layer):
            raise ValueError(
                f"engine batched cannot stack {layer}: it takes an nn.Sequential of "
                f"{', '.join(t.__name__ for t in LAYERS)} with ordinary options; use engine plain"
            )
    for i, two in enumerate(zip(layers, layers[1:], strict=False)):
        if isinstance(two[0], nn.ReLU) and isinstance(two[1], nn.MaxPool2d):
            layers[i : i + 2] = two[::-1]
    return layers


def ordinary(layer: nn.Module) -> bool:
    """Whether the options of a layer are among those that its stacked function knows."""
    if isinstance(layer, nn.Conv2d):
        options = (layer.groups, layer.dilation, layer.padding_mode)
        return options == (1, (1, 1), "zeros") and not isinstance(layer.padding, str)
    if isinstance(layer, nn.MaxPool2d):
        return pair(layer.padding) == (0, 0) and pair(layer.dilation) == (1, 1) and not layer.ceil_mode
    if isinstance(layer, nn.Flatten):
        return (layer.start_dim, layer.end_dim) == (1, -1)
    return True


def logits(layers: list[nn.Module], parameters: list[Tensor], h: Tensor) -> Tensor:
    """The outputs of G models: parameters (G, ...) each, h (B, ..., n) -> (G, classes, n)."""
    rest = iter(parameters)
    for layer in layers:
        own = [next(rest) for _ in layer.parameters()]
        h = LAYERS[type(layer)](layer, h, *own)
    return h
