"""Mixed rounds: high-resource clients train in the rounds in which the others send scalars.

    H, L    high- and low-resource clients of a round;  p_i share of client i in the whole cohort
    m       high_factor
    D       m sum_{i in H} p_i (w_i - w), the FedAvg difference after local SGD at client_lr
    g       sum_{i in L} p_i / S sum_s c_is z_is, the zeroth-order estimate

    w <- w + D - lr g

The paper's phase 2 lets high-resource clients send scalars too. Here they train as in phase 1, with
their share of the data as weight. With `normalise`, g is divided by the typical size of an entry of
the low-resource clients' mean estimate, see optimizers.scalar_moment.

All clients apply the same D in the form of `download`, see optimizers.compression; the server keeps
the rest in its state. A client that took part in the round before downloads D and the scalars,
any other client the model first. Rounds leave no records: D is as large as a model.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from zowarmup.algorithms.average import difference
from zowarmup.algorithms.engine_protocol import SGD, Engine
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.optimizers.averaged_iterates import AveragedIterates
from zowarmup.algorithms.optimizers.compression import compressed, message_bytes
from zowarmup.algorithms.optimizers.falling_rate import FallingRate
from zowarmup.algorithms.optimizers.scalar_moment import ScalarMoment, V, mean_square
from zowarmup.algorithms.optimizers.zo_average import STEPS, Kept, counted
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.algorithms.zo import ZO, coefficients, make_record, step
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, NonNegative, OtherRate, Positive, Rate, Share

ERROR, LAST = "error", "last_clients"  # what the last message left out; who received it
UPDATES = "updates"  # how often v was updated: not in a round without low-resource clients


@dataclass(frozen=True, kw_only=True)
class ZOMixed(AveragedIterates, FallingRate, ScalarMoment):
    """A phase of mixed rounds.

    Attributes:
        lr: learning rate of the zeroth-order step.
        client_lr: learning rate of the high-resource clients' local SGD.
        epochs, batch, weight_decay: settings of the local SGD, as in FedAvg.
        high_factor: m, a multiple of the high-resource clients' share of the data; with 0 they do
            nothing.
        S, eps, tau, distribution, scaling, estimator: as in ZO.
        normalise: divide the estimate by its typical size; beta2 and winsor belong to it.
        download: the form in which clients get the difference D.
        top: with download "top", the share of the entries.
    """

    lr: Rate
    client_lr: OtherRate
    epochs: Count = 3  # the authors' federated code
    batch: Count = 64  # the authors' federated code
    weight_decay: NonNegative = 0.0
    high_factor: NonNegative = 1.0
    S: Count = 3  # the paper
    eps: Positive = 1e-4  # the paper
    tau: Positive = 0.75  # the paper
    distribution: Literal["rademacher", "gaussian"] = "rademacher"  # the paper
    scaling: Literal["paper", "unbiased"] = "paper"
    estimator: Literal["two_point", "directional"] = "two_point"  # the paper
    normalise: bool = False
    download: Literal["float32", "int8", "sign", "top"] = "float32"
    top: Share = 0.01
    tiered: ClassVar[bool] = True  # a client's work depends on its tier

    @property
    def zo(self) -> ZO:
        """The round of the low-resource clients."""
        return ZO(
            lr=self.lr,
            S=self.S,
            eps=self.eps,
            tau=self.tau,
            distribution=self.distribution,
            scaling=self.scaling,
            estimator=self.estimator,
        )

    def begin(self, w: Tensor) -> State:
        """Start at w, which no client has yet."""
        return self.zo.begin(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take the zeroth-order step and add the difference, both computed at the iterate."""
        low = cohort.only(cohort.low)
        high = cohort.only({*cohort.clients} - cohort.low if self.high_factor else ())
        w, kept = self._descend(state, t, low, cohort, engine, seeds)
        if high.clients:
            D, error = self._train(state, t, high, cohort, engine, seeds)
            w, kept = w + D, kept | error
        elif ERROR in state.server:
            kept[ERROR] = state.server[ERROR]
        k = counted(state) + 1
        kept |= {STEPS: torch.tensor(k), LAST: torch.tensor(cohort.clients)}
        return self.handed_out(state, w, k, kept), self._report(state, high, low, cohort, engine)

    def _descend(
        self, state: State, t: int, low: Cohort, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[Tensor, Kept]:
        """w - lr g at the iterate, and the moment of the estimate."""
        w, zo = state.iterate, self.zo
        if not low.clients:
            return w, {name: state.server[name] for name in (V, UPDATES) if name in state.server}
        directions = zo.directions(t, low.clients, engine.d, seeds, w.device)
        rate = self.lr * self.factor(counted(state))
        record = make_record(t, low, zo.scalars(w, low, engine, directions), rate)
        lr, kept = rate * sum(low.sizes) / sum(cohort.sizes), {}
        if self.normalise:
            record = self.winsorised(record)
            q = mean_square(coefficients(record, self.S), zo.scale, self.S, shared=False)
            n = counted(state, UPDATES) + 1
            kept = {V: self.moment(state, q), UPDATES: torch.tensor(n)}
            lr /= self.size(kept[V], n)
        return step(w, coefficients(record, self.S), directions, scale=zo.scale, lr=lr), kept

    def _train(
        self, state: State, t: int, high: Cohort, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[Tensor, Kept]:
        """D as clients receive it, and what this leaves out."""
        w, orders = state.iterate, visits(t, high, self.epochs, seeds)
        sgd = SGD(self.batch, self.client_lr, self.weight_decay)
        local = engine.local_sgd(w, high.clients, orders, sgd)
        shares = [n / sum(cohort.sizes) for n in high.sizes]
        D = difference(w, local, shares).mul_(-self.high_factor)
        if self.download == "float32":
            return D, {}
        D = D + state.server.get(ERROR, 0.0)
        sent = compressed(D, self.download, engine.model.sizes, self.top)
        return sent, {ERROR: D - sent}

    def _report(
        self, state: State, high: Cohort, low: Cohort, cohort: Cohort, engine: Engine
    ) -> Report:
        """Models go up from high-resource clients, scalars from the others; D and scalars down."""
        model, present = 4 * engine.d, set(state.server.get(LAST, torch.empty(0)).tolist())
        message = 4 * self.S * len(low.clients)
        if high.clients:
            message += message_bytes(self.download, engine.model.sizes, self.top)
        two_point = self.estimator == "two_point"
        seen, images = self.epochs * sum(high.sizes), sum(low.sizes)
        sent = dict.fromkeys(low.clients, 4 * self.S) | dict.fromkeys(high.clients, model)
        return Report(
            bytes_up=[sent.get(i, 0) for i in cohort.clients],
            bytes_down=[message + (0 if i in present else model) for i in cohort.clients],
            forward=seen + images * (2 * self.S if two_point else 1),
            backward=seen + (0 if two_point else images),
        )
