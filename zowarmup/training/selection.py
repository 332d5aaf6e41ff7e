"""The choice of a learning rate: the same trial for every candidate, judged on held-out images.

The rule: train for a fixed number of rounds from where the phase starts, once for each candidate
and tuning seed; take the candidate with the lowest mean held-out loss over all clients. In a real
federation each client sends one 4-byte loss per candidate. The held-out images of high-resource
clients alone would choose badly: those images lack the classes that the second phase is to learn.
Test images never choose anything.
"""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter
from torch import Tensor

from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.runtime.progress import Progress, log
from zowarmup.storage import journal as journals
from zowarmup.storage.provenance import Provenance
from zowarmup.training import loop
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs
from zowarmup.training.evaluate import heldout_loss
from zowarmup.training.loop import Step
from zowarmup.training.phases import TrainingPhase
from zowarmup.training.resume_state import ResumeState

CHECK_EVERY = 25  # rounds between two checks that a trial has not failed


@dataclass(frozen=True)
class Trial:
    """The result of a candidate for one tuning seed.

    Attributes:
        heldout_loss: mean over the held-out images of all clients; None if training diverged.
    """

    lr: float
    seed: int
    heldout_loss: float | None

    @classmethod
    def read(cls, entry: Mapping[str, object]) -> "Trial":
        """The trial that a line of a journal holds."""
        return TypeAdapter(cls).validate_python(entry)


@dataclass(frozen=True)
class Choice:
    """The result of a selection.

    Attributes:
        lr: the candidate of the lowest mean loss, the smaller one in a tie.
        mean_losses: of the candidates that never diverged.
        at_edge: whether lr is the smallest or the largest candidate, so that a wider grid might
            hold a better one.
    """

    lr: float
    mean_losses: dict[float, float]
    at_edge: bool


def trials(
    context: Context,
    candidates: Sequence[tuple[float, TrainingPhase]],
    w: Tensor,
    seeds: Seeds,
    seed: int,
    *,
    folder: Path,
    provenance: Provenance,
) -> list[Trial]:
    """The trials of all candidates for one tuning seed.

    Args:
        candidates: learning rates, each with the phase that it trains.
        w: (d,) the model before the phase.
        folder: keeps finished trials and the work of the current trial; work of the same
            provenance is resumed.
    """
    provenance = provenance | {"trials_of_seed": seed}
    with journals.shared(folder / f"trials-{seed}.jsonl", provenance, context.group) as kept:
        count, recorded, keep = kept
        done = [Trial.read(row) for row in recorded]
        for i, (lr, phase) in enumerate(candidates):
            own = folder / f"trial-{seed}-{lr!r}"
            if i >= count:
                by = provenance | {"trial_of": lr}
                loss = trial(context, phase, w, seeds, lr, folder=own, provenance=by)
                log.info(f"seed {seed}: lr {lr:g} gives a held-out loss of {loss:.4f}")
                done.append(Trial(lr, seed, None if loss == math.inf else loss))
                keep(asdict(done[-1]))
            if context.group.first:  # even if a kill came right after the trial was recorded
                shutil.rmtree(own, ignore_errors=True)
    return done


def trial(
    context: Context,
    phase: TrainingPhase,
    w: Tensor,
    seeds: Seeds,
    lr: float,
    *,
    folder: Path,
    provenance: Provenance,
) -> float:
    """Return the held-out loss after the phase, or inf as soon as the loss is not finite."""
    watched = folder.parent.parent if context.group.first else None
    progress = Progress(f"lr {lr:g}", phase.last, watched)
    loss = heldout_loss(context, w)
    for step in _steps(context, phase, w, seeds, folder, provenance):
        progress.step(step.t)
        if (step.t - phase.first + 1) % CHECK_EVERY == 0 or step.t == phase.last:
            loss = heldout_loss(context, step.w)
            if not math.isfinite(loss):
                return math.inf
    return loss


def _steps(
    context: Context,
    phase: TrainingPhase,
    w: Tensor,
    seeds: Seeds,
    folder: Path,
    provenance: Provenance,
) -> Iterator[Step]:
    """Yield the steps of a trial, resuming the work in its folder."""
    step = loop.begin(context, phase, w, Costs())
    if phase.has_records:
        path = folder / "journal.jsonl"
        with journals.shared_rounds(path, provenance, context.group) as (_, records, keep):
            steps = loop.run(context, phase, step, seeds, records)
            for step in steps:
                if step.record is not None:
                    keep(step.record)
                yield step
        return
    with ResumeState(folder, provenance, context) as saved:
        if saved.state:
            step = saved.step()
            yield step
        steps = loop.run(context, phase, step, seeds)
        for step in steps:
            yield step
            saved.offer(step)


def choose(trials: Sequence[Trial]) -> Choice:
    """Choose the learning rate with the lowest mean held-out loss.

    Raises:
        UserError: every candidate diverged.
    """
    grid = sorted({trial.lr for trial in trials})
    losses = {lr: [trial.heldout_loss for trial in trials if trial.lr == lr] for lr in grid}
    means = {
        lr: sum(values) / len(values)
        for lr, results in losses.items()
        if len(values := [loss for loss in results if loss is not None]) == len(results)
    }
    if not means:
        raise UserError(f"selection.grid: every learning rate of {grid} diverged; add smaller ones")
    best = min(means, key=lambda lr: (means[lr], lr))
    return Choice(best, means, best in (grid[0], grid[-1]))
