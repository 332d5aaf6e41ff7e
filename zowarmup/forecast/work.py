"""What every job will do: so many rounds of each kind, so many measurements.

It is taken that no run diverges: one that does ends earlier.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from zowarmup.config.phase_settings import know_tiers
from zowarmup.forecast import flops
from zowarmup.forecast.flops import Flops
from zowarmup.forecast.sizes import Crowd, Size, crowd
from zowarmup.plan.graph import Job
from zowarmup.plan.plan import Plan
from zowarmup.training.run import EARLY
from zowarmup.training.selection import CHECK_EVERY

Spec = Mapping[str, Any]

# Settings of a phase that change no cost.
FREE = (
    *("lr", "client_lr", "server_lr", "rounds", "eps", "tau", "scaling", "catch_up_limit"),
    *("beta1", "beta2", "epsilon", "bias_correction", "weight_decay", "server_weight_decay"),
    *("milestones", "gamma"),
)


@dataclass(frozen=True)
class Kind:
    """A kind of round, and of the measurements beside it: what has one cost.

    Attributes:
        name: everything that decides the cost, as text: kinds of equal names are one.
        spec, phase: of a run with such rounds.
        federation: how its images are dealt.
    """

    name: str
    spec: Spec = field(compare=False)
    phase: Spec = field(compare=False)
    federation: Spec = field(compare=False)
    crowd: Crowd = field(compare=False)

    @property
    def model(self) -> str:
        """The network, with its width where that is not 1."""
        width = self.spec["width"]
        return str(self.spec["model"]) + (f" x{width:g}" if width != 1 else "")

    def round(self) -> Flops:
        """Operations of one round."""
        return flops.of_round(self.spec, self.phase, self.crowd)

    def row(self) -> Flops:
        """Of one row of metrics."""
        return flops.of_row(self.spec, self.phase, self.crowd)

    def heldout(self) -> Flops:
        """Of one held-out loss."""
        return flops.of_heldout(self.spec, self.crowd)


@dataclass(frozen=True)
class Piece:
    """Part of a job: rounds of a kind, rows of metrics, held-out losses, snapshots."""

    kind: Kind
    rounds: int = 0
    rows: int = 0
    heldout: int = 0
    snapshots: int = 0

    def flops(self) -> Flops:
        """Operations of all of it."""
        made = Flops().plus(self.kind.round(), self.rounds).plus(self.kind.row(), self.rows)
        return made.plus(self.kind.heldout(), self.heldout)


class Work:
    """What the jobs of a plan do.

    Args:
        sizes: of the config's data sets.
    """

    def __init__(self, plan: Plan, sizes: Mapping[str, Size]) -> None:
        self.plan, self.sizes = plan, sizes

    def pieces(self, job: Job) -> list[Piece]:
        """The parts of a job; none of one that does not train."""
        made = {"warmup": self._warmup, "select": self._select, "train": self._train}
        return list(made[job.rule](job.name)) if job.rule in made else []

    def crowd(self, spec: Spec) -> Crowd:
        """The clients of a run, warm-up or selection."""
        return crowd(self.plan.config, spec, self.sizes[spec["dataset"]])

    def kind(self, spec: Spec, phase: Spec) -> Kind:
        """The kind of a phase's rounds."""
        federation = self.plan.config.federations[spec["federation"]].model_dump()
        return Kind(_name(federation, spec, phase), spec, phase, federation, self.crowd(spec))

    def _warmup(self, name: str) -> Iterator[Piece]:
        spec = self.plan.warmups[name]
        rounds = spec["rounds"]
        phase = {**spec["phase"], "rounds": rounds}
        rows, snapshots = (1 + ceil(rounds / spec[f"{k}_every"]) for k in ("evaluate", "snapshot"))
        yield Piece(self.kind(spec, phase), rounds, rows, snapshots=snapshots)

    def _train(self, name: str) -> Iterator[Piece]:
        """Two measurements more than rows: the loss at the start, and EARLY rounds later."""
        spec, every = self.plan.runs[name], self.plan.runs[name]["evaluate_every"]
        skipped = 1 if spec["warmup"] else 0
        done = sum(phase["rounds"] for phase in spec["phases"][:skipped])
        extra = 1 + (not skipped)
        for phase in spec["phases"][skipped:]:
            end = done + phase["rounds"]
            rows = end // every - done // every + extra + (phase["rounds"] >= EARLY and extra > 0)
            last = phase is spec["phases"][-1] and end % every > 0
            yield Piece(self.kind(spec, phase), phase["rounds"], rows + last, snapshots=1)
            done, extra = end, 0

    def _select(self, name: str) -> Iterator[Piece]:
        spec = self.plan.selections[name]
        trials, rounds = len(spec["grid"]) * len(spec["seeds"]), spec["rounds"]
        phase = {**spec["phase"], "rounds": rounds}
        losses = 1 + ceil(rounds / CHECK_EVERY)
        yield Piece(self.kind(spec, phase), trials * rounds, heldout=trials * losses)


def _name(federation: Spec, spec: Spec, phase: Spec) -> str:
    """Who has no tier in the rounds of a phase costs the same in every split."""
    own = {key: value for key, value in phase.items() if key not in FREE}
    shared = {key: value for key, value in federation.items() if key not in ("alpha", "memory")}
    tiers = [spec["split"], federation["memory"]] if know_tiers([phase]) else None
    parts = [*(spec[key] for key in ("model", "width", "engine")), shared, tiers, own]
    return json.dumps(parts, sort_keys=True)
