"""The settings that every phase has, and the types of the settings that an algorithm adds.

The fields of an algorithm's class are its settings, see `algorithms`. The annotations of the fields
are the types below, and the config checks values against the types of the same names.
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
Whole = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0)]
Pins = dict[Literal["federation", "initialisation", "directions"], Seed]
Rounds = Sequence[int]

# Learning rates are numbers for the algorithm; the config may leave them to the tuning rule.
Rate = float
OtherRate = float

# A number of groups of clients; the config may leave it to the probes along the warm-up.
Groups = int | Literal["auto"]

AUTO = "auto"  # of a pivot, a learning rate or groups: decided by the probes along the warm-up
GROUPS = "groups"  # the setting of groups of clients that share their directions
RATES = ("lr", "client_lr")  # the settings of these two types, in the order of selections


class SameAs(Settings):
    """The learning rate selected for the same phase of another method.

    A `client_lr` may also be that of the other method's first phase of FedAvg.
    """

    same_as: str


# A number, "select" (chosen on held-out data), or the rate that another method selects
ChosenRate = Positive | Literal["select"] | SameAs
# or "auto": from the probes along the warm-up, see plan.pivots.estimate
LearningRate = Positive | Literal["select", "auto"] | SameAs


class Phase(Settings):
    """The settings that every phase has; `rounds` is also set for a phase that ends at a mark."""

    algorithm: str
    clients: Literal["high", "low", "all"]
    rounds: Count
    lr: LearningRate = "select"
    participation: Share = 1.0  # share of the phase's clients in a round; the paper: all


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
    "Whole": Whole,
    "Rounds": list[Count],
    "Rate": LearningRate,
    "OtherRate": ChosenRate,
    "Groups": Count | Literal["auto"],
}
