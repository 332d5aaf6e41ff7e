"""FedAdam: clients train as in FedAvg; the server's Adam takes their mean difference as gradient.

Reference: Reddi et al. 2020, arXiv:2003.00295.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zowarmup.algorithms.adam import Adam
from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.average import difference
from zowarmup.algorithms.engine_protocol import SGD, Engine
from zowarmup.algorithms.fedavg import report, visits
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, NonNegative, OtherRate, Rate


@dataclass(frozen=True, kw_only=True)
class FedAdam(Adam):
    """A phase of FedAdam.

    Attributes:
        lr: the server's learning rate.
        client_lr: the clients' learning rate.
        epochs, batch, weight_decay, augment: settings of the clients, as in FedAvg.
    """

    lr: Rate
    client_lr: OtherRate
    epochs: Count = 3  # the authors' federated code
    batch: Count = 64  # the authors' federated code
    weight_decay: NonNegative = 0.0
    augment: Literal["none", "crop_flip"] = "none"

    def begin(self, w: Tensor) -> State:
        """Start with the first moments of Adam."""
        return self.first_moments(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take one step of Adam along the mean of the clients' differences."""
        orders = visits(t, cohort, self.epochs, seeds)
        sgd = SGD(self.batch, self.client_lr, self.weight_decay)
        engine = engine.with_moves(moves(self.augment, t, seeds))
        local = engine.local_sgd(state.w, cohort.clients, orders, sgd)
        g = difference(state.w, local, cohort.weights)
        return self.adam_step(state, g, self.lr), report(cohort, self.epochs, engine.d)
