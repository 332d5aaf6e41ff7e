"""The loss of a network's outputs: cross-entropy, with a label for each example or each token.

    n, T, C     examples, tokens of an example, classes
    G           models side by side
    out         (n, C), or (n, T, C) if each token has a label
    y           labels: (n,), or (n, T)

The loss of an example is the mean over its tokens, so that examples of any length count alike.
"""

from torch import Tensor
from torch.nn.functional import cross_entropy


def mean(out: Tensor, y: Tensor) -> Tensor:
    """Return the mean loss of the examples, a scalar."""
    return cross_entropy(out.flatten(0, -2), y.flatten())


def total(out: Tensor, y: Tensor) -> Tensor:
    """Return the sum of the losses of the examples, a scalar."""
    losses = cross_entropy(out.flatten(0, -2), y.flatten(), reduction="sum")
    return losses if y.dim() == 1 else losses / y.shape[1]


def each(out: Tensor, y: Tensor) -> Tensor:
    """Return the loss of each example, (n,)."""
    losses = cross_entropy(out.flatten(0, -2), y.flatten(), reduction="none")
    return losses if y.dim() == 1 else losses.view_as(y).mean(1)


def of_models(out: Tensor, y: Tensor) -> Tensor:
    """Return the loss of each example under each model: (G, C, n[, T]), (G, n[, T]) -> (G, n)."""
    if y.dim() == 2:
        return cross_entropy(out, y, reduction="none")
    return each(out.movedim(1, -1).flatten(0, 1), y.flatten(0, 1)).view(y.shape[:2])
