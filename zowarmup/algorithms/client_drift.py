"""Client drift: how far local training takes the clients' models apart."""

import math
import sys

from torch import Tensor


class Drift:
    """Measures the spread of the clients' models, one model at a time.

    One pass is enough: the spread about the mean is the models' mean squared distance from the
    common start, less the squared distance of the mean from that start.
    """

    def __init__(self, w: Tensor) -> None:
        """All models start from w."""
        self.w, self.total = w, 0.0

    def see(self, w_i: Tensor, p_i: float) -> None:
        """Add a client's model w_i with its share p_i in the mean."""
        self.total += p_i * (w_i - self.w).double().square().sum().item()

    def around(self, mean: Tensor) -> float:
        """sqrt(sum_i p_i |w_i - mean|^2), `mean` being the weighted mean of the models.

        The largest float if a model is not finite, because records hold finite numbers only.
        """
        square = self.total - (mean - self.w).double().square().sum().item()
        return math.sqrt(max(0.0, square)) if math.isfinite(square) else sys.float_info.max
