"""Directions that are 0 outside of a subset of the parameters."""

from dataclasses import dataclass

from torch import Tensor

from zowarmup.models.directions import Directions


@dataclass(frozen=True, eq=False, kw_only=True)
class Masked(Directions):
    """The directions m u; entry j is that of u, so a larger subset changes no other entry.

    Attributes:
        mask: m, (d,) of 1 and 0.
    """

    mask: Tensor

    def part(self, rows: slice, start: int, stop: int, scale: float = 1.0) -> Tensor:
        """Entries start..stop-1 of scale * m u for some rows, (rows, stop - start) float32."""
        return super().part(rows, start, stop, scale).mul_(self.mask[start:stop])
