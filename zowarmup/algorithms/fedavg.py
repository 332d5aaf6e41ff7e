"""Federated averaging: local epochs of SGD, then the weighted mean.

Reference: McMahan et al. 2017, arXiv:1602.05629.
"""

from dataclasses import dataclass

from torch import Tensor

from zowarmup.algorithms.average import average
from zowarmup.algorithms.rounds import Cohort, Engine, Report
from zowarmup.models.directions import permutations
from zowarmup.settings.seeds import Seeds, key


@dataclass(frozen=True)
class FedAvg:
    """A phase of FedAvg.

    Attributes:
        lr: the clients' learning rate.
        epochs: E, passes over the local data per round.
        batch: B, images per step; the last, smaller batch is used too.
        weight_decay: coupled, as in torch.optim.SGD.
        server_lr: 1 gives the plain average.
    """

    lr: float
    epochs: int
    batch: int
    weight_decay: float
    server_lr: float

    def round(
        self, w: Tensor, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[Tensor, Report]:
        """Clients shuffle by (seed, round, client), whoever else takes part."""
        orders = self.orders(t, cohort, seeds.initialisation)
        local = engine.train(
            w,
            cohort.clients,
            orders,
            batch=self.batch,
            lr=self.lr,
            weight_decay=self.weight_decay,
        )
        passes = self.epochs * sum(cohort.sizes)
        model = 4 * engine.d * len(cohort.clients)  # bytes of float32, once each way
        new = average(w, local, cohort.weights, self.server_lr)
        return new, Report(bytes_up=model, bytes_down=model, forward=passes, backward=passes)

    def orders(self, t: int, cohort: Cohort, seed: int) -> Tensor:
        """(A, E, n): in which order each client visits its images."""
        n, E = max(cohort.sizes), self.epochs
        visits = [client * E + e for client in cohort.clients for e in range(E)]
        base = key("shuffle", seed)
        return permutations(base, (t,), visits, n).view(len(cohort.clients), E, n)
