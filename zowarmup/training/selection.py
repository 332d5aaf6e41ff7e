"""The trials of a selection: whole methods, trained on tuning seeds, judged on held-out images.

See `plan.tuning_rule` for what they decide.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import isfinite
from pathlib import Path
from statistics import fmean

from torch import Tensor

from zowarmup.common.seeds import Seeds
from zowarmup.plan.specs import Phase
from zowarmup.plan.tuning_rule import LATE, Candidate, Key, Trial
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import journal as journals
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop, phases
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import heldout, train_loss
from zowarmup.training.loop import Step
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.resume_state import ResumeState

CHECK_EVERY = 25  # rounds between two looks at whether a trial has already failed
LATE_EVERY = 10  # rounds between the measurements whose mean decides between equals

Done = dict[Key, Trial]  # by candidate
Keep = Callable[[journals.Entry], None]


@dataclass
class Trials:
    """The trials of one tuning seed, which share the trajectories of their first phase.

    Args:
        w: (d,) the initialisation.
        folder: where finished trials, and the work of those in progress, are kept; work of the
            same provenance is resumed.
    """

    context: Context
    w: Tensor
    seeds: Seeds
    seed: int
    folder: Path
    provenance: Provenance
    pivots: dict[str, Tensor] = field(default_factory=dict)  # models after a first phase

    def run(self, candidates: Sequence[tuple[Candidate, Sequence[Phase]]]) -> list[Trial]:
        """The trials of candidates, each with the phases that it trains, in their order."""
        provenance = self.provenance | {"trials_of_seed": self.seed}
        group, path = self.context.group, self.folder / f"trials-{self.seed}.jsonl"
        with journals.shared(path, provenance, group) as (_, recorded, keep):
            # By candidate: the journal may hold trials of a wider grid, from before a kill.
            done = {trial.candidate: trial for trial in map(Trial.read, recorded)}
            return [self._once(rates, own, done, keep) for rates, own in candidates]

    def _once(
        self, rates: Candidate, of_candidate: Sequence[Phase], done: Done, keep: Keep
    ) -> Trial:
        """The trial of a candidate, kept if it was not done yet; its folder is gone."""
        key = Trial(dict(rates), self.seed).candidate
        if key not in done:
            done[key] = self._trial(rates, of_candidate)
            keep(asdict(done[key]))
        if self.context.group.first:  # also where a kill came right after the trial was kept
            shutil.rmtree(self._own(rates), ignore_errors=True)
        return done[key]

    def _own(self, rates: Candidate) -> Path:
        return self.folder / f"trial-{self.seed}-{'-'.join(map(repr, rates.values()))}"

    def _trial(self, rates: Candidate, of_candidate: Sequence[Phase]) -> Trial:
        ready = phases.prepare(self.context, of_candidate)
        words = ", ".join(f"{rate:g}" for rate in rates.values())
        progress = self._progress(f"lr {words}", ready[-1])
        late: list[float] = []
        for step in self._steps(rates, of_candidate, ready):
            progress.step(step.t)
            left = ready[-1].last - step.t
            if left % LATE_EVERY if left < LATE else step.t % CHECK_EVERY:
                continue
            loss, accuracy = heldout(self.context, step.w)
            if not isfinite(loss) or (not left and self._failed(ready[-1], step.w)):
                log.info(f"lr {words}, seed {self.seed}: diverged by round {step.t}")
                return Trial(dict(rates), self.seed)
            late += [accuracy] * (left < LATE)
        log.info(f"lr {words}, seed {self.seed}: held-out accuracy {accuracy:.4f}, loss {loss:.4f}")
        return Trial(dict(rates), self.seed, accuracy, fmean(late), loss)

    def _progress(self, what: str, phase: TrainingPhase) -> Progress:
        watched = self.folder.parent if self.context.group.first else None
        return Progress(f"{what}, seed {self.seed}", phase.last, watched)

    def _failed(self, phase: TrainingPhase, w: Tensor) -> bool:
        return loop.diverged(self.context, train_loss(self.context, w, phase.tier))

    def _steps(
        self, rates: Candidate, of_candidate: Sequence[Phase], ready: Sequence[TrainingPhase]
    ) -> Iterator[Step]:
        """The rounds of a trial, but for those of a first phase that another one has trained."""
        w, rest, own = self.w, ready, self._own(rates)
        if len(ready) > 1 and not ready[0].has_records:
            w, rest = self._pivot(of_candidate[0], ready[0]), ready[1:]
        for phase in rest:
            provenance = self.provenance | {"trial_of": dict(rates), "phase": phase.number}
            folder = own / f"phase-{phase.number}"
            for step in self._phase(phase, w, folder, provenance, ready[-1].last - LATE):
                w = step.w
                yield step

    def _pivot(self, settings: Phase, phase: TrainingPhase) -> Tensor:
        """The model after a first phase, trained once for all candidates with its settings."""
        key = json.dumps(settings.model_dump(mode="json"), sort_keys=True)
        if key not in self.pivots:
            digest = sha256(key.encode()).hexdigest()[:12]
            folder = self.folder / f"pivot-{self.seed}-{digest}"
            provenance = self.provenance | {"seed": self.seed, "first_phase": json.loads(key)}
            progress = self._progress("first phase", phase)
            for step in self._phase(phase, self.w, folder, provenance, phase.last):
                progress.step(step.t)
            self.pivots[key] = step.w
        return self.pivots[key]

    def _phase(
        self, phase: TrainingPhase, w: Tensor, folder: Path, provenance: Provenance, until: int
    ) -> Iterator[Step]:
        """The rounds of a phase that its folder does not hold yet; all that its journal holds.

        Args:
            until: the last round from which a phase without a journal is resumed, so that the
                rounds after it, which are measured, come again.
        """
        first = loop.begin(self.context, phase, w, Costs())
        if phase.has_records:
            path = folder / "journal.jsonl"
            with journals.shared_rounds(path, provenance, self.context.group) as (_, records, keep):
                for step in loop.run(self.context, phase, first, self.seeds, records):
                    if step.record is not None:
                        keep(step.record)
                    yield step
            return
        with ResumeState(folder, provenance, self.context, phase.is_end) as saved:
            if saved.state:
                first = saved.step()
                yield first
            for step in loop.run(self.context, phase, first, self.seeds):
                yield step
                if step.t <= until:
                    saved.offer(step)
