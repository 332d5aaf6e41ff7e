"""Rounds and measurements of every job of a plan.

No run is assumed to diverge; a run that diverges ends earlier.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from math import ceil, prod
from typing import Any

import pandas as pd

from zowarmup.config.phase import AUTO, GROUPS
from zowarmup.config.phase_settings import is_trajectory
from zowarmup.forecast.part import Part, disk
from zowarmup.forecast.sizes import Size, dealt, high_resource
from zowarmup.plan.graph import Job
from zowarmup.plan.plan import Plan
from zowarmup.plan.specs import JobSpec, Phase
from zowarmup.plan.tuning_rule import LATE
from zowarmup.training.run import EARLY
from zowarmup.training.selection import CHECK_EVERY, LATE_EVERY

ACCURACY = 4  # bytes that a client sends for a candidate and tuning seed
# High Res Only at the rates of a warm-up is one training with it.
FIRST, LATER = "phase 1, and runs that share it", "phase 2"
ALONE, RATES = "other runs of one phase", "learning rates"


class Work:
    """The parts of every job of a plan; `sizes` has the sizes of the config's data sets."""

    def __init__(self, plan: Plan, sizes: Mapping[str, Size]) -> None:
        self.plan, self.sizes = plan, sizes
        self.shared = {run.warmup for run in plan.runs.values() if len(run.phases) > 1}
        rules = {"warmup": self._warmup, "select": self._select, "train": self._train}
        self._parts = cache(lambda rule, name: list(rules[rule](name)) if rule in rules else [])

    def parts(self, job: Job) -> list[Part]:
        """Return the parts of a job; a job that does not train has none."""
        return self._parts(job.rule, job.name)

    def table(self, jobs: Iterable[Job]) -> pd.DataFrame:
        """Return a row of costs for each part, with the part's job and the study it counts for."""
        studies: dict[Job, str] = {}  # the first study that asks for a job
        for cell in self.plan.cells:
            warmup = self.plan.runs[cell.run].warmup or ""
            for seed in map(str, cell.seeds):
                studies.setdefault(Job("train", cell.run, seed), cell.study)
                studies.setdefault(Job("warmup", warmup, seed), cell.study)
        return pd.DataFrame(
            {"job": job.rule, "study": studies.get(job, RATES), **costs(part)}
            for job in jobs
            for part in self.parts(job)
        )

    def _part(self, spec: JobSpec, phase: Phase, stage: str, rounds: int, **numbers: Any) -> Part:
        data = self.sizes[spec.dataset]
        federation = dealt(self.plan.config, spec.federation, data)
        high = high_resource(self.plan.config, spec, data)
        settings = phase.model_dump(mode="json")
        if settings.get(GROUPS) == AUTO:  # any number costs the same
            settings[GROUPS] = 1
        return Part(spec, settings, federation, data, high, stage, rounds, **numbers)

    def _warmup(self, name: str) -> Iterator[Part]:
        spec = self.plan.warmups[name]
        rounds = spec.phase.rounds
        rows, snapshots = (
            1 + ceil(rounds / every) for every in (spec.evaluate_every, spec.snapshot_every)
        )
        more = {"probes": spec.probes.last // spec.probes.every} if spec.probes else {}
        more |= {"directions": spec.probes.directions} if spec.probes else {}
        stage = FIRST if name in self.shared else ALONE
        yield self._part(spec, spec.phase, stage, rounds, rows=rows, snapshots=snapshots, **more)

    def _train(self, name: str) -> Iterator[Part]:
        """Yield a part per phase; the first also measures at its start and after EARLY rounds.

        A run whose pivot a rule decides counts as if it chose the earliest one.
        """
        spec = self.plan.runs[name]
        spec = spec.with_pivot(spec.pivot_rule.span[0]) if spec.pivot_rule else spec
        stage, every, done = LATER if spec.warmup else ALONE, spec.evaluate_every, spec.pivot
        extra = 1 + (not spec.warmup)
        for phase in spec.own_phases:
            rounds, final = phase.rounds, phase is spec.phases[-1]
            end = done + rounds
            rows = end // every - done // every + extra + (rounds >= EARLY and extra > 0)
            rows += final and end % every > 0
            yield self._part(spec, phase, stage, rounds, rows=rows, final=final)
            done, extra = end, 0

    def _select(self, name: str) -> Iterator[Part]:
        spec = self.plan.selections[name]
        trials, losses = prod(map(len, spec.axes.values())) * len(spec.seeds), 0
        for i, phase in enumerate(spec.phases):
            shared = i == 0 and len(spec.phases) > 1 and is_trajectory(phase)
            own = [len(v) for axis, v in spec.axes.items() if axis.startswith("1.")]
            times = prod(own) * len(spec.seeds) if shared else trials
            if i == len(spec.phases) - 1:
                late = min(phase.rounds, LATE)
                looks = ceil((phase.rounds - late) / CHECK_EVERY) + ceil(late / LATE_EVERY)
                losses = trials * looks
            yield self._part(spec, phase, RATES, times * phase.rounds, losses=losses, trials=times)


def costs(part: Part) -> dict[str, Any]:
    """Return a part's costs: operations, operations in bfloat16, bytes sent, bytes on disk."""
    one, fast = part.round, part.spec.engine.precision == "bfloat16" and part.round.backward > 0
    asked = ACCURACY * part.federation["clients"] * part.trials if part.losses else 0
    return {
        "model": part.title,
        "stage": part.stage,
        "forward": part.rounds * one.forward,
        "backward": part.rounds * one.backward,
        "evaluation": part.evaluation,
        "bfloat16": part.training * fast,
        "up": part.rounds * one.up + asked + part.probed.up,
        "down": part.rounds * one.down + part.probed.down,
        "broadcast": float(part.broadcast),
        **disk(part),
    }
