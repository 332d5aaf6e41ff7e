"""Client drift: how far local training takes the clients' models apart."""

import math
import sys

from torch import Tensor


class Drift:
    """Measures models that pass by, one at a time.

    Keeps the sum of squared distances from the common start, so it needs no second pass: the spread
    about the mean is the mean squared distance less the squared distance of the mean.
    """

    def __init__(self, w: Tensor) -> None:
        """All models start from w."""
        self.w, self.total = w, 0.0

    def see(self, w_i: Tensor, p_i: float) -> None:
        """One client's model and its share in the mean."""
        self.total += p_i * (w_i - self.w).double().square().sum().item()

    def around(self, mean: Tensor) -> float:
        """sqrt(sum_i p_i |w_i - mean|^2), `mean` being the weighted mean of the models.

        The largest number where models have diverged beyond measure: records hold numbers alone.
        """
        square = self.total - (mean - self.w).double().square().sum().item()
        return math.sqrt(max(0.0, square)) if math.isfinite(square) else sys.float_info.max
