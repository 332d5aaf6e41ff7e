"""Zeroth-order rounds on the subset of the parameters that promises the largest gain.

    gain_b, limit_b    of candidate b, see subset_gain; the candidates are those of zo_subset

Before the phase's first round, all clients measure the candidates at the model that the phase
starts from, by forward passes; the one of the largest gain trains. `lr` is the rate for all
parameters. A subset stands a larger one, and takes lr limit_all / limit_b.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import torch

from zowarmup.algorithms import subset_gain
from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.precision import check_radius
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.algorithms.subset_gain import Promise
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_subset import BLOCKS, OnSubset, ZOSubset
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count, Positive
from zowarmup.models.flat import FlatModel

ALL: Literal["all"] = "all"
CHOSEN = "chosen"  # the name of the chosen candidate's place and rate
Subset = Literal["all", "norms_biases", "last_layer", "last_block"]


@dataclass(frozen=True)
class ZOSubsetAuto(ZO):
    """A phase of zeroth-order steps on the subset of the largest measured gain.

    Attributes:
        lr: the rate for all parameters.
        probe_directions: D, along which each candidate is measured.
        probe_eps: length of the moves along them, for each entry of w.
    """

    probe_directions: Count = 16
    probe_eps: Positive = 1e-3

    def of_model(self, model: FlatModel) -> "OfGains":
        """Return the algorithm for a network, whose parameters it chooses from."""
        names: list[Subset] = [ALL, "norms_biases", "last_layer"]
        names += ["last_block"] if any(name.startswith(BLOCKS) for name in model.names) else []
        own = {f.name: getattr(self, f.name) for f in fields(ZOSubsetAuto)}
        plain = {f.name: own[f.name] for f in fields(ZO)}
        subsets: dict[str, OnSubset] = {
            name: ZOSubset(**plain, parameters=name).of_model(model) for name in names
        }
        return OfGains(**own, subsets=subsets)


@dataclass(frozen=True, eq=False)
class OfGains(ZOSubsetAuto):
    """The algorithm for one network.

    Attributes:
        subsets: the algorithm of each candidate.
    """

    subsets: Mapping[str, OnSubset] = field(kw_only=True)

    def round(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> tuple[State, Report]:
        """Take one step, before the first one measure; the record determines the step."""
        gains = None
        if CHOSEN in state.server:
            name, lr = self._chosen(state)
        else:
            promises = self._measure(state, t, cohort, engine, seeds)
            name, lr = best(promises, self.lr)
            gains = {b: one.gain for b, one in promises.items() if one.gain >= 0}
        new, report = replace(self.subsets[name], lr=lr).round(state, t, cohort, engine, seeds)
        assert report.record is not None
        record = replace(report.record, subset=name, gains=gains)
        return self._after(new, record), self.report(cohort, record)

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a recorded round, from the record and the seeds alone."""
        return self._after(self.subsets[record.subset or ALL].apply(state, record, seeds), record)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round, with those of measuring before the first."""
        report = super().report(cohort, record)
        if record.gains is None:
            return report
        d = len(self.subsets[ALL].mask)
        more = subset_gain.costs(cohort, len(self.subsets), self.probe_directions, d)
        return replace(
            report,
            bytes_up=[a + b for a, b in zip(report.bytes_up, more.bytes_up, strict=True)],
            bytes_down=[a + more.bytes_down for a in report.bytes_down],
            forward=report.forward + more.forward,
            backward=report.backward + more.backward,
            measured_up=sum(more.bytes_up),
        )

    def _measure(
        self, state: State, t: int, cohort: Cohort, engine: Engine, seeds: Seeds
    ) -> dict[str, Promise]:
        """The promise of each candidate at the model before round t."""
        check_radius(state.w, self.probe_eps, 1.0, "probe_eps")
        P = self.S * (1 if self.shared_directions else len(cohort.clients))
        D, r, seed = self.probe_directions, self.probe_eps, seeds.directions
        measurement = subset_gain.measurement(engine, cohort, state.w, t, seed=seed, D=D, r=r, P=P)
        masks = [one.mask for one in self.subsets.values()]
        return dict(zip(self.subsets, measurement.of(masks), strict=True))

    def _chosen(self, state: State) -> tuple[str, float]:
        place, lr = state.server[CHOSEN].tolist()
        return list(self.subsets)[int(place)], lr

    def _after(self, new: State, record: RoundRecord) -> State:
        """The state with what the record says was chosen."""
        place = list(self.subsets).index(record.subset or ALL)
        chosen = torch.tensor([place, record.lr], dtype=torch.float64, device=new.w.device)
        return State(new.w, {CHOSEN: chosen})


def best(promises: Mapping[str, Promise], lr: float) -> tuple[str, float]:
    """The candidate of the largest gain, and its rate; all parameters if no gain can be told.

    Args:
        lr: the rate for all parameters.
    """
    name = max(promises, key=lambda b: promises[b].gain)
    chosen, whole = promises[name], promises[ALL]
    if min(chosen.gain, whole.gain) < 0:
        return (name, lr) if chosen.gain >= 0 else (ALL, lr)
    return name, lr * whole.limit / chosen.limit
