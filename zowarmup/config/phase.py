"""The settings of every phase, and the types by which an algorithm says what can be set.

An algorithm's own settings are the fields of its class, see `algorithms`. The types below are the
annotations there, and by the same names the config checks its values.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen; unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]  # of a moving average
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Pins = dict[Literal["federation", "initialisation", "directions"], Seed]
Rounds = Sequence[int]

# Learning rates are numbers for the algorithm; the config may leave them to the tuning rule.
Rate = float
OtherRate = float

RATES = ("lr", "client_lr")  # the settings of these types, in the order of their selections


class SameAs(Settings):
    """The learning rate selected for the same phase of another method."""

    same_as: str


# "select": chosen on held-out data; a number; or another method's choice
LearningRate = Positive | Literal["select"] | SameAs


class Phase(Settings):
    """The settings of every phase; `rounds` is the difference of two marks where they are given."""

    algorithm: str
    clients: Literal["high", "low", "all"]
    rounds: Count
    lr: LearningRate = "select"
    participation: Share = 1.0  # of the phase's clients, each round; the paper: all


# The type of a config value for each annotation of an algorithm.
TYPES = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "Positive": Positive,
    "NonNegative": NonNegative,
    "Share": Share,
    "Decay": Decay,
    "Count": Count,
    "Rounds": list[Count],
    "Rate": LearningRate,
    "OtherRate": LearningRate,
}
