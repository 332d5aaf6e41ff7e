"""Federated averaging: local epochs of SGD, then the weighted mean.

Reference: McMahan et al. 2017, arXiv:1602.05629.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.average import average
from zowarmup.algorithms.engine_protocol import SGD, Engine
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.common.seeds import Seeds, key
from zowarmup.config.phase import Count, NonNegative, Positive, Rate
from zowarmup.models.directions import permutations


@dataclass(frozen=True)
class FedAvg:
    """A phase of FedAvg.

    Attributes:
        lr: the clients' learning rate.
        epochs: E, passes over the local data per round.
        batch: B, images per step; the last, smaller batch is used too.
        weight_decay: coupled, as in torch.optim.SGD.
        server_lr: 1 gives the plain average.
        augment: "none", or "crop_flip" for every image in every epoch, see algorithms.augmentation.
    """

    lr: Rate
    epochs: Count = 3  # the authors' federated code
    batch: Count = 64  # the authors' federated code
    weight_decay: NonNegative = 0.0
    server_lr: Positive = 1.0  # plain averaging
    augment: Literal["none", "crop_flip"] = "none"

    def begin(self, w: Tensor) -> State:
        """The server keeps nothing but the model."""
        return State(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Train every client for its local epochs, and average the models."""
        orders = visits(t, cohort, self.epochs, seeds)
        sgd = SGD(self.batch, self.lr, self.weight_decay)
        engine = engine.with_moves(moves(self.augment, t, seeds))
        local = engine.local_sgd(state.w, cohort.clients, orders, sgd)
        new = average(state.w, local, cohort.weights, self.server_lr)
        return State(new), report(cohort, self.epochs, engine.d)


def report(cohort: Cohort, epochs: int, d: int) -> Report:
    """The costs of a round: every client gets a model, trains it and sends it back."""
    model = [4 * d] * len(cohort.clients)  # bytes of float32
    passes = epochs * sum(cohort.sizes)
    return Report(bytes_up=model, bytes_down=model, forward=passes, backward=passes)


def visits(t: int, cohort: Cohort, epochs: int, seeds: Seeds) -> Tensor:
    """Return the order in which each client visits its images in each epoch, (A, E, n)."""
    n = max(cohort.sizes)
    rows = [client * epochs + e for client in cohort.clients for e in range(epochs)]
    base = key("shuffle", seeds.initialisation)
    return permutations(base, (t,), rows, n).view(len(cohort.clients), epochs, n)
