"""Rules that decide the pivot, and the probes along a warm-up that these rules read.

A rule sees what the clients have measured up to a round, and nothing of later rounds; see
plan.pivots.rules for what each one does.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from zowarmup.config.phase import Count, Positive, Settings, Share


class Probes(Settings):
    """Measurements of all clients along a warm-up, by forward passes alone.

    every: rounds between two probes, a multiple of evaluate_every.
    directions: of a probe, the same for all clients; 0: losses and held-out accuracy only.
    eps: how far a probe moves each weight.
    """

    every: Count = 10
    directions: Annotated[int, Field(ge=0)] = 8
    eps: Positive = 1e-3  # at 1e-4 the second differences are near the rounding of float32

    @field_validator("directions")
    @classmethod
    def _with_an_error(cls, directions: int) -> int:
        if directions == 1:
            raise ValueError("one direction gives no standard error; use 0, or at least 2")
        return directions


class Rule(Settings):
    """The settings of every rule.

    earliest: the first round that the rule may choose; by default the first snapshot.
    latest: the pivot if the rule never fires; by default four fifths of all rounds.
    """

    needs_directions: ClassVar[bool] = False

    rule: str
    earliest: Count | None = None
    latest: Count | None = None

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last round that the rule may choose; the plan has set both."""
        assert self.earliest is not None
        assert self.latest is not None
        return self.earliest, self.latest


class Plateau(Rule):
    """The held-out accuracy of all clients has not gained `gain` for `patience` rounds."""

    rule: Literal["plateau"] = "plateau"
    gain: Share = 0.01
    patience: Count = 50


class Progress(Rule):
    """A warm-up round gains less than `factor` times a zeroth-order round, in a row of probes.

    probes: how many probes in a row must agree; estimates are means over the last `average` ones.
    """

    needs_directions: ClassVar[bool] = True

    rule: Literal["progress"] = "progress"
    factor: Positive = 1.0
    probes: Count = 2
    average: Count = 3


class Gap(Rule):
    """The loss of low-resource clients no longer falls, while that of the others does.

    slope: the least relative fall of a loss in a round, over the last `window` rounds.
    """

    rule: Literal["gap"] = "gap"
    slope: Positive = 1e-3
    window: Count = 20


class Variance(Rule):
    """The clients' gradients differ less than `threshold`, as a mean over `average` probes."""

    needs_directions: ClassVar[bool] = True

    rule: Literal["variance"] = "variance"
    threshold: Positive = 2.0
    average: Count = 3


PivotRule = Annotated[Plateau | Progress | Gap | Variance, Field(discriminator="rule")]
RULES: dict[str, type[Rule]] = {
    "plateau": Plateau,
    "progress": Progress,
    "gap": Gap,
    "variance": Variance,
}
