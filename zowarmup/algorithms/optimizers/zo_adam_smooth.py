"""Zeroth-order rounds with Adam whose second moment is smoothed.

    v       moving average of the squared estimate, as in algorithms.adam
    rho     share of the mean of v over all coordinates

    w <- w - lr m / (sqrt((1 - rho) v + rho mean(v)) + epsilon)

With few directions in many dimensions, the entries of v differ by chance, and dividing by their
roots multiplies the step by noise. rho 1 leaves one number for all coordinates, up to rounding that
of optimizers.zo_scalar_moment, but with Adam's two vectors of the size of w on every client.

`second_moment: momentum` takes v from the squared momentum, whose entries vary less.

Reference: Shu et al. 2025 (R-AdaZO: second moment of the momentum); the smoothing is ours.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zowarmup.algorithms.zo_adam import ZOAdam
from zowarmup.config.phase import Share


@dataclass(frozen=True)
class ZOAdamSmooth(ZOAdam):
    """A phase of zeroth-order steps with Adam, its second moment smoothed; lr is Adam's.

    Attributes:
        rho: share of the mean over all coordinates in the second moment.
        second_moment: whether v averages the squares of the estimate or of the momentum.
    """

    rho: Share = 0.9  # ours
    second_moment: Literal["estimate", "momentum"] = "estimate"

    def squared(self, g: Tensor, m: Tensor) -> Tensor:
        """The square of the estimate or of the momentum."""
        return (g if self.second_moment == "estimate" else m).square()

    def smoothed(self, v: Tensor) -> Tensor:
        """(1 - rho) v + rho mean(v)."""
        return (1 - self.rho) * v + self.rho * v.double().mean().to(v.dtype)
