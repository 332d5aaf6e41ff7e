"""The computations of simulated clients: local steps, and losses and gradients at w.

A, C    number of clients in the round's cohort, number of classes
d, S    number of parameters, number of directions per client and step
n, E    number of training images of a client, number of epochs
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from torch import Tensor

from zowarmup.algorithms.augmentation import Moves
from zowarmup.models.directions import Directions
from zowarmup.models.flat import FlatModel


@dataclass(frozen=True)
class SGD:
    """The settings of local SGD; the order of operations is that of torch.optim.SGD.

    Attributes:
        batch: B, images per step; the last, smaller batch is used too.
        lr: learning rate.
        weight_decay: coupled, so weight_decay * w is added to the gradient.
        momentum: factor of a buffer that starts at zero every round.
        clip: largest norm of a gradient before weight decay; 0 for no limit.
        masked: logits of classes of which a client has no images count as 0 in its loss.
    """

    batch: int
    lr: float
    weight_decay: float = 0.0
    momentum: float = 0.0
    clip: float = 0.0
    masked: bool = False


@dataclass(frozen=True)
class LocalZO:
    """The settings of local zeroth-order steps.

    A step takes S directions z = tau u at once: c_s = [L(w + eps z_s) - L(w - eps z_s)] / (2 eps)
    on the images of one batch, as float32, then w <- w - lr / S * sum_s c_s z_s.

    Attributes:
        batch: B, images per step; the last, smaller batch is used too.
        lr: learning rate.
        S: directions per step.
        eps: radius of the finite difference in units of z.
        tau: scale of a direction.
    """

    batch: int
    lr: float
    S: int
    eps: float
    tau: float


class Engine(Protocol):
    """Runs each client's computations on that client's data; the server sees only results."""

    model: FlatModel
    d: int

    def with_model(self, model: FlatModel) -> Self:
        """Return an engine with another network for the same clients and images."""
        ...

    def with_moves(self, moves: Moves | None) -> Self:
        """Return an engine of the same clients that crops and flips the images anew in each epoch.

        All passes of `two_point` see the first epoch's crops.
        """
        ...

    def labels(self, clients: Sequence[int]) -> Tensor:
        """Return whether each client has training images of each class, (A, C) bool."""
        ...

    def local_sgd(
        self, w: Tensor, clients: Sequence[int], orders: Tensor, sgd: SGD
    ) -> Iterable[Tensor]:
        """Each client's model after local SGD from w, (d,) each, in the order of `clients`.

        orders: (A, E, n) int64, the order in which each client visits its images in each epoch; a
        client with fewer than n images ignores the larger numbers.
        """
        ...

    def local_zo_steps(
        self,
        w: Tensor,
        clients: Sequence[int],
        directions: Directions,
        orders: Tensor,
        zo: LocalZO,
    ) -> Iterable[tuple[Tensor, Tensor]]:
        """Each client's model after local zeroth-order steps from w, and the scalars of its steps.

        A scalar that is not finite counts as 0.

        directions: rows (client, step, s) in sorted order; every client has as many steps as the
        largest client makes, E * ceil(n / batch).
        orders: as in `local_sgd`.
        Yields (d,) and (steps of the client, S) float32.
        """
        ...

    def two_point(
        self, w: Tensor, clients: Sequence[int], directions: Directions, radius: float
    ) -> Tensor:
        """Mean losses at w + radius u and w - radius u over each client's data; w stays.

        Returns (A, S, 2) float64; the rows of `directions` are (client, s) in sorted order.
        """
        ...

    def directional_derivatives(
        self, w: Tensor, clients: Sequence[int], directions: Directions
    ) -> Tensor:
        """The inner products of each client's gradient with its directions u, (A, S) float64."""
        ...

    def each_gradient(self, w: Tensor, clients: Sequence[int]) -> Iterable[Tensor]:
        """The gradient of each client's mean loss at w, (d,) each; for measurements only."""
        ...
