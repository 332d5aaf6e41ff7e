"""Zeroth-order rounds on the subset of the parameters in which trial steps gain most.

Before the phase's first round, all clients make trial steps in each subset of `zo_subset` that the
network has, at multiples of `lr`, and measure the losses after them; see trial_steps. The subset of
the largest gain trains. `lr` is the rate for all parameters; a subset trains at lr k / k_all, with
k and k_all the multiples of the best trial steps, in the subset and with all parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

import torch

from zowarmup.algorithms.engine_protocol import Engine
from zowarmup.algorithms.rounds import Cohort, Report, RoundRecord, State
from zowarmup.algorithms.trial_steps import Gain, measure, with_trials
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_subset import BLOCKS, OnSubset, ZOSubset
from zowarmup.common.seeds import Seeds
from zowarmup.config.phase import Count
from zowarmup.models.flat import FlatModel

ALL: Literal["all"] = "all"
CHOSEN = "chosen"  # the name of the chosen subset's place and rate
Subset = Literal["all", "norms_biases", "last_layer", "last_block"]


@dataclass(frozen=True)
class ZOSubsetAuto(ZO):
    """A phase of zeroth-order steps on the subset of the largest measured gain.

    Attributes:
        lr: the rate for all parameters.
        trial_steps: M, in each subset.
    """

    trial_steps: Count = 4

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
        subsets: the algorithm of each subset.
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
            M = self.trial_steps
            measured = measure(self.subsets, state.w, t, cohort, engine, seeds, M)
            name, lr = best(measured, self.lr)
            gains = {name: one.gain for name, one in measured.items() if one.gain > 0}
        new, report = replace(self.subsets[name], lr=lr).round(state, t, cohort, engine, seeds)
        assert report.record is not None
        record = replace(report.record, subset=name, gains=gains)
        return self._after(new, record), self.report(cohort, record)

    def apply(self, state: State, record: RoundRecord, seeds: Seeds) -> State:
        """Take the step of a recorded round, from the record and the seeds alone."""
        return self._after(self.subsets[str(record.subset)].apply(state, record, seeds), record)

    def report(self, cohort: Cohort, record: RoundRecord) -> Report:
        """The costs of a recorded round, with those of measuring before the first."""
        report = super().report(cohort, record)
        if record.gains is None:
            return report
        return with_trials(report, cohort, len(self.subsets) * self.trial_steps)

    def _chosen(self, state: State) -> tuple[str, float]:
        place, lr = state.server[CHOSEN].tolist()
        return list(self.subsets)[int(place)], lr

    def _after(self, new: State, record: RoundRecord) -> State:
        """The state with what the record says was chosen."""
        place = list(self.subsets).index(str(record.subset))
        chosen = torch.tensor([place, record.lr], dtype=torch.float64, device=new.w.device)
        return State(new.w, {CHOSEN: chosen})


def best(measured: Mapping[str, Gain], lr: float) -> tuple[str, float]:
    """The subset of the largest gain, and its rate; all parameters if no trial step gains.

    Args:
        lr: the rate for all parameters.
    """
    name = max(measured, key=lambda name: measured[name].gain)
    if measured[name].gain <= 0:
        return ALL, lr
    return name, lr * (measured[name].multiple / measured[ALL].multiple)
