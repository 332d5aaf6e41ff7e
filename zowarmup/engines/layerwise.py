"""The engine of clients that can only just hold the model: it perturbs one layer at a time.

It is slower than plain, since every pass makes the directions again; the results are the same bits.
"""

from functools import partial

from torch import Tensor

from zowarmup.engines.plain import Logits, Plain
from zowarmup.models import aligned_memory, layerwise
from zowarmup.models.directions import Directions


class Layerwise(Plain):
    """As Plain, but two-point losses need no copy of the model; see models.layerwise."""

    def both_sides(
        self, w: Tensor, directions: Directions, j: int, radius: float
    ) -> tuple[Logits, Logits]:
        """The network at w + radius u_j and at w - radius u_j."""
        above, below = (partial(_near, w, directions, j, signed) for signed in (radius, -radius))
        return (
            partial(layerwise.logits, self.model, above),
            partial(layerwise.logits, self.model, below),
        )


def _near(
    w: Tensor, directions: Directions, j: int, radius: float, start: int, stop: int
) -> Tensor:
    """Return entries start..stop-1 of w + radius u_j; makes one piece of u_j at a time."""
    near = aligned_memory.place(start, stop - start, w).copy_(w[start:stop])  # rounded as in plain
    for a in range(start, stop, layerwise.CHUNK):
        b = min(a + layerwise.CHUNK, stop)
        near[a - start : b - start] += directions.part(slice(j, j + 1), a, b, radius)[0]
    return near
