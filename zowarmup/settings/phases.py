"""What can be set about each kind of phase, with the paper's values as defaults.

PHASES says which settings belong to which algorithm of the registry.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Frozen; unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class SameAs(Settings):
    """The learning rate selected for the same phase of another method."""

    same_as: str


class Phase(Settings):
    """What every phase has."""

    algorithm: str
    clients: Literal["high", "low", "all"]
    rounds: Count
    # "select": chosen on held-out data; a number; or another method's choice
    lr: Positive | Literal["select"] | SameAs
    participation: Share = 1.0  # of the phase's clients, each round; the paper: all


class FedAvg(Phase):
    """Federated averaging, see algorithms.fedavg."""

    epochs: Count = 3  # the group's federated code
    batch: Count = 64  # the group's federated code
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    server_lr: Positive = 1.0  # plain averaging


class ZO(Phase):
    """Zeroth-order steps, see algorithms.zo."""

    S: Count = 3  # the paper
    eps: Positive = 1e-4  # the paper
    tau: Positive = 0.75  # the paper
    distribution: Literal["rademacher", "gaussian"] = "rademacher"  # the paper
    scaling: Literal["paper", "unbiased"] = "paper"
    estimator: Literal["two_point", "directional"] = "two_point"  # the paper
    shared_directions: bool = False  # the paper: seeds per client
    # a client that missed more directions than this is sent the model instead of the records
    catch_up_limit: Count = 20_000  # ours


PHASES: dict[str, type[Phase]] = {"fedavg": FedAvg, "zo": ZO}

# First phases of these kinds are run once as a trajectory with snapshots, which everything that
# starts with the same phase shares.
TRAJECTORIES = ("fedavg",)
