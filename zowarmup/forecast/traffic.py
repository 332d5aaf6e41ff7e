"""Bytes that a real federation would send for the jobs of a config, by what they are for."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from zowarmup.analysis import cost_formulas
from zowarmup.forecast.flops import costs_of
from zowarmup.forecast.work import Kind, Work
from zowarmup.plan.graph import Job

LOSS = 4  # bytes of the held-out loss that a client sends for a candidate learning rate

FIRST, PIVOT, LATER, ALONE, RATES = (
    *("phase 1", "the model at the pivot", "phase 2", "methods of one phase", "learning rates"),
)


class Traffic(NamedTuple):
    """Bytes of all clients together."""

    up: float = 0.0
    down: float = 0.0

    def plus(self, other: "Traffic", times: float = 1.0) -> "Traffic":
        """These and so many times the other."""
        return Traffic(self.up + times * other.up, self.down + times * other.down)


def traffic(work: Work, jobs: Iterable[Job]) -> Mapping[str, Traffic]:
    """All that is sent while the jobs' rounds happen, each warm-up counted once."""
    sums = dict.fromkeys((FIRST, PIVOT, LATER, ALONE, RATES), Traffic())
    for job in jobs:
        for piece in work.pieces(job):
            rounds, model = _rounds(piece.kind), _model(piece.kind)
            if job.rule == "select":
                spec = work.plan.selections[job.name]
                trials = len(spec["grid"]) * len(spec["seeds"])
                sums[RATES] = sums[RATES].plus(rounds, piece.rounds).plus(model, trials)
                asked = Traffic(up=LOSS * piece.kind.crowd.clients)
                sums[RATES] = sums[RATES].plus(asked, trials)
                continue
            follows = job.rule == "train" and work.plan.runs[job.name]["warmup"]
            where = FIRST if job.rule == "warmup" else LATER if follows else ALONE
            sums[where] = sums[where].plus(rounds, piece.rounds)
            start = PIVOT if follows else where
            sums[start] = sums[start].plus(model)
    return sums


def _rounds(kind: Kind) -> Traffic:
    """One round."""
    known, total = costs_of(kind.phase, kind.crowd), Traffic()
    for tier, members in known.members.items():
        cost = cost_formulas.per_round(known, tier)
        total = total.plus(Traffic(cost.up, cost.down), members * known.participation)
    return total


def _model(kind: Kind) -> Traffic:
    """What every client gets before a phase in which no models travel."""
    known = costs_of(kind.phase, kind.crowd)
    return Traffic(down=sum(known.members.values()) * cost_formulas.once(known))
