"""HeteroFL in two levels: low-resource clients train a narrower network, a part of the wide one.

    r       width of the narrow network relative to the wide one
    m_i     which elements of w client i trains, (d,) of 0 and 1
    p_i     share of client i in the mean over all clients that hold an element

The narrow network is the first ceil(r C) channels of every layer. Each element of w becomes the
mean over the clients that hold it; an element that no client holds stays. Two corrections belong
to the method. The narrow network's activations are divided by r before each norm (the scaler). A
class of which a client has no images is left out twice: from the client's loss, where the logit is
set to 0, and from the mean, where the client's row of the classifier for this class does not count.

Reference: Diao et al. 2021, arXiv:2010.01264.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from zowarmup.algorithms.augmentation import moves
from zowarmup.algorithms.average import average
from zowarmup.algorithms.engine_protocol import SGD, Engine
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.rounds import Cohort, Report, State
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, Decay, NonNegative, Rate, Rounds, Share
from zowarmup.models.width import Slice, class_rows, narrow


@dataclass(frozen=True)
class HeteroFL:
    """A phase of HeteroFL; the defaults are those of the authors' public federated code.

    Attributes:
        lr: the clients' learning rate.
        rate: r, the relative width of the narrow network.
        epochs, batch, augment: as in FedAvg.
        weight_decay, momentum, clip: settings of local SGD, see algorithms.engine_protocol.
        milestones, gamma: after each of these rounds lr is multiplied by gamma.
        scaler: divide the narrow network's activations by r.
        mask: leave a client's absent classes out of its loss and out of the mean.
        weighted: p_i in proportion to images, as in FedAvg; else equal for all holders.
    """

    lr: Rate
    rate: Share = 0.5
    epochs: Count = 3
    batch: Count = 64
    weight_decay: NonNegative = 5e-4
    momentum: Decay = 0.9
    clip: NonNegative = 1.0
    milestones: Rounds = ()
    gamma: Share = 0.1
    scaler: bool = True
    mask: bool = True
    weighted: bool = False
    augment: Literal["none", "crop_flip"] = "none"
    tiered: ClassVar[bool] = True  # a client's work depends on its tier

    def begin(self, w: Tensor) -> State:
        """The state is the model alone."""
        return State(w)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Train each client on its tier's part of w, and average over the holders."""
        w = state.w
        part = narrow(engine.model, self.rate, self.rate if self.scaler else 1.0).to(w.device)
        local = self._train(w, t, cohort, engine, part, seeds)
        new = average(w, local, self._shares(cohort, engine, part))
        return State(new), self._report(cohort, engine.d, part.model.d)

    def _train(
        self, w: Tensor, t: int, cohort: Cohort, engine: Engine, part: Slice, seeds: Seeds
    ) -> Iterator[Tensor]:
        """The clients' models in the order of the cohort, each as a whole w."""
        orders, sgd = visits(t, cohort, self.epochs, seeds), self.sgd(t)
        low = torch.tensor([client in cohort.low for client in cohort.clients])
        wide = [client for client in cohort.clients if client not in cohort.low]
        small = [client for client in cohort.clients if client in cohort.low]
        engine = engine.with_moves(moves(self.augment, t, seeds))
        high_models = iter(engine.local_sgd(w, wide, orders[~low], sgd))
        narrow_engine, w_low = engine.with_model(part.model), w[part.index]
        low_models = iter(narrow_engine.local_sgd(w_low, small, orders[low], sgd))
        for is_low in low.tolist():
            yield w.index_copy(0, part.index, next(low_models)) if is_low else next(high_models)

    def sgd(self, t: int) -> SGD:
        """The clients' optimizer in round t."""
        lr = self.lr * self.gamma ** sum(milestone < t for milestone in self.milestones)
        return SGD(self.batch, lr, self.weight_decay, self.momentum, self.clip, self.mask)

    def _held(self, cohort: Cohort, engine: Engine, part: Slice) -> Iterator[Tensor]:
        """Yield m_i one client at a time, because all together may be much larger than w."""
        inside = torch.zeros(engine.d, dtype=torch.bool, device=part.index.device)
        inside[part.index] = True
        labels = engine.labels(cohort.clients).to(inside.device)
        rows = class_rows(engine.model, labels.shape[1]).to(inside.device)
        for client, own in zip(cohort.clients, labels, strict=True):
            m_i = inside if client in cohort.low else torch.ones_like(inside)
            yield m_i & ((rows < 0) | own[rows.clamp(min=0)]) if self.mask else m_i

    def _shares(self, cohort: Cohort, engine: Engine, part: Slice) -> Iterator[Tensor]:
        """Yield each client's p_i for every element, 0 for elements it lacks; (d,) float32."""
        sizes = cohort.sizes if self.weighted else [1] * len(cohort.sizes)
        total = torch.zeros(engine.d, dtype=torch.float64, device=part.index.device)
        for m_i, n_i in zip(self._held(cohort, engine, part), sizes, strict=True):
            total.add_(m_i, alpha=n_i)
        for m_i, n_i in zip(self._held(cohort, engine, part), sizes, strict=True):
            yield (n_i * m_i / total.clamp(min=1)).float()

    def _report(self, cohort: Cohort, d: int, d_narrow: int) -> Report:
        """Each client gets and returns its tier's network; a pass of a narrow one counts as one."""
        sent = [4 * (d_narrow if client in cohort.low else d) for client in cohort.clients]
        passes = self.epochs * sum(cohort.sizes)
        return Report(bytes_up=sent, bytes_down=sent, forward=passes, backward=passes)
