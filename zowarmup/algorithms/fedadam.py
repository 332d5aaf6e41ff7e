"""FedAdam: clients train as in FedAvg, the server takes the mean difference as Adam's gradient.

Reference: Reddi et al. 2020, arXiv:2003.00295.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from zowarmup.algorithms.adam import Adam
from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.average import difference
from zowarmup.algorithms.engine import SGD, Engine
from zowarmup.algorithms.fedavg import report, visits
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, Decay, NonNegative, OtherRate, Positive, Rate


@dataclass(frozen=True)
class FedAdam:
    """A phase of FedAdam; the defaults are the variant of the authors' federated code.

    Attributes:
        lr: the server's learning rate.
        client_lr: the clients' learning rate.
        epochs, batch, weight_decay, augment: of the clients, as in FedAvg.
        beta1, beta2, epsilon, bias_correction: see algorithms.adam; Reddi et al. use beta2 0.99,
            epsilon 1e-3 and no correction.
        server_weight_decay: coupled, of the server's step.
    """

    lr: Rate
    client_lr: OtherRate
    epochs: Count = 3  # the authors' federated code
    batch: Count = 64  # the authors' federated code
    weight_decay: NonNegative = 0.0
    beta1: Decay = 0.9  # the authors' federated code
    beta2: Decay = 0.999  # the authors' federated code
    epsilon: Positive = 1e-8  # the authors' federated code
    bias_correction: bool = True  # the authors' federated code
    server_weight_decay: NonNegative = 0.0
    augment: Literal["none", "crop_flip"] = "none"

    def begin(self, w: Tensor) -> State:
        """Both moments are zero."""
        return self.server.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """One step of Adam along the mean of the clients' differences."""
        orders = visits(t, cohort, self.epochs, seeds)
        sgd = SGD(self.batch, self.client_lr, self.weight_decay)
        engine = engine.with_moves(moves(self.augment, t, seeds))
        local = engine.local_sgd(state.w, cohort.clients, orders, sgd)
        g = difference(state.w, local, cohort.weights)
        return self.server.step(state, g), report(cohort, self.epochs, engine.d)

    @property
    def server(self) -> Adam:
        """The server's optimizer."""
        return Adam(
            self.lr,
            self.beta1,
            self.beta2,
            self.epsilon,
            self.bias_correction,
            self.server_weight_decay,
        )
