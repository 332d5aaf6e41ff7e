"""The costs of a run: the bytes of its messages and its passes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from zowarmup.algorithms.rounds import Cohort, Report


@dataclass(frozen=True)
class Costs:
    """Bytes and passes of all clients in all rounds so far; a pass runs one image.

    Attributes:
        bytes_up_low, bytes_down_low: the low-resource clients' part of the bytes.
    """

    bytes_up: int = 0
    bytes_down: int = 0
    bytes_up_low: int = 0
    bytes_down_low: int = 0
    forward_passes: int = 0
    backward_passes: int = 0

    def add(self, report: Report, cohort: Cohort) -> "Costs":
        """The costs after one more round."""
        return Costs(
            self.bytes_up + sum(report.bytes_up),
            self.bytes_down + sum(report.bytes_down),
            self.bytes_up_low + _of_low(report.bytes_up, cohort),
            self.bytes_down_low + _of_low(report.bytes_down, cohort),
            self.forward_passes + report.forward,
            self.backward_passes + report.backward,
        )

    def plus(self, other: "Costs") -> "Costs":
        """The sum of both."""
        return Costs(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )

    def sent(self, sizes: Mapping[int, int], low: Collection[int]) -> "Costs":
        """Return the costs with downloads that clients made outside of a round's messages.

        Args:
            sizes: bytes by client.
            low: the low-resource clients.
        """
        of_low = sum(size for client, size in sizes.items() if client in low)
        return replace(
            self,
            bytes_down=self.bytes_down + sum(sizes.values()),
            bytes_down_low=self.bytes_down_low + of_low,
        )


def _of_low(sizes: Sequence[int], cohort: Cohort) -> int:
    pairs = zip(cohort.clients, sizes, strict=True)
    return sum(size for client, size in pairs if client in cohort.low)
