"""The settings of the tuning rule for learning rates."""

from typing import Annotated

from pydantic import Field, field_validator

from zowarmup.config.phase import Count, Positive, Seed, Settings
from zowarmup.config.text import File, Name

Grid = dict[str, Annotated[list[Positive], Field(min_length=1)]]


class Selection(Settings):
    """The tuning rule for learning rates, and its budget; see plan.tuning_rule.

    grid: the candidates of a rate that is selected alone, by algorithm; of another rate than lr by
        algorithm and setting, such as fedadam.client_lr.
    joint_grid: the candidates of each rate where a method selects several; by default as `grid`.
    rounds: marks of the trials, where these are shorter than the runs.
    trials: a file of earlier trials, which are not run again.
    """

    seeds: Annotated[list[Seed], Field(min_length=1)]
    grid: Grid
    joint_grid: Grid = {}
    rounds: dict[Name, Count] = {}
    trials: File | None = None

    @field_validator("rounds", mode="before")
    @classmethod
    def _marks(cls, rounds: object) -> object:
        if isinstance(rounds, int):
            raise ValueError(
                "a trial trains the whole method; leave it out, or give earlier marks such as "
                "{total: 200}"
            )
        return rounds
