"""Choosing a learning rate: the same trial for every candidate, judged on held-out images.

The rule: train for a fixed number of rounds from where the phase starts, once for each candidate
and tuning seed; take the candidate with the lowest mean held-out loss over all clients. In a real
federation each client sends one 4-byte loss per candidate. The held-out images of high-resource
clients alone would choose badly, since they lack the classes that the second phase is to learn.
Test images never choose anything.
"""

import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
from zowarmup.training.resume_state import ResumeState

CHECK_EVERY = 25  # rounds between two looks at whether a trial has already failed

Spec = Mapping[str, Any]


def trials(
    context: Context,
    spec: Spec,
    w: Tensor,
    seeds: Seeds,
    seed: int,
    *,
    folder: Path,
    provenance: Provenance,
) -> list[dict[str, Any]]:
    """The whole grid for one tuning seed: lr, seed, held-out loss (None: diverged).

    Args:
        folder: where finished trials, and the work of the one that is going on, are kept; what is
            there of the same origin is gone on from.
    """
    provenance = provenance | {"trials_of_seed": seed}
    with journals.shared(folder / f"trials-{seed}.jsonl", provenance, context.group) as kept:
        count, known, keep = kept
        made = list(known)
        for i, lr in enumerate(spec["grid"]):
            own = folder / f"trial-{seed}-{lr!r}"
            if i >= count:
                by = provenance | {"trial_of": lr}
                loss = trial(context, spec, w, seeds, lr, folder=own, provenance=by)
                log.info(f"seed {seed}: lr {lr:g} gives a held-out loss of {loss:.4f}")
                row = {"lr": lr, "seed": seed, "heldout_loss": None if loss == math.inf else loss}
                keep(row)
                made.append(row)
            if context.group.first:  # also where a kill came right after the row was kept
                shutil.rmtree(own, ignore_errors=True)
    return made


def trial(
    context: Context,
    spec: Spec,
    w: Tensor,
    seeds: Seeds,
    lr: float,
    *,
    folder: Path,
    provenance: Provenance,
) -> float:
    """Held-out loss after the trial's rounds; inf if it is no finite number by then."""
    phase = {**spec["phase"], "lr": lr, "rounds": spec["rounds"]}
    to_watch = folder.parent.parent if context.group.first else None
    progress = Progress(f"lr {lr:g}", spec["start"] + spec["rounds"], to_watch)
    loss = heldout_loss(context, w)
    for step in _steps(context, spec, phase, w, seeds, folder, provenance):
        progress.step(step.t)
        if (step.t - spec["start"]) % CHECK_EVERY == 0 or step.t == progress.total:
            loss = heldout_loss(context, step.w)
            if not math.isfinite(loss):
                return math.inf
    return loss


def _steps(
    context: Context,
    spec: Spec,
    phase: Spec,
    w: Tensor,
    seeds: Seeds,
    folder: Path,
    provenance: Provenance,
) -> Iterator[Step]:
    """The rounds of a trial, from what is left in its folder on."""
    step = Step(spec["start"], *loop.begin(context, phase, w, Costs()))
    end = spec["start"] + spec["rounds"]
    if loop.has_records(phase):
        file = folder / "journal.jsonl"
        with journals.shared_rounds(file, provenance, context.group) as (_, known, keep):
            steps = loop.after(context, phase, step, seeds, end, known)
            for step in steps:
                if step.record is not None:
                    keep(step.record)
                yield step
        return
    with ResumeState(folder, provenance, context, spec) as saved:
        if saved.found:
            step = saved.step()
            yield step
        steps = loop.after(context, phase, step, seeds, end)
        for step in steps:
            yield step
            saved.offer(step)


def choose(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The learning rate of the lowest mean loss, the smaller one in a tie, and whether to look on.

    Returns:
        lr, mean_losses of the candidates that never diverged, and at_edge: whether the best is
        the smallest or the largest candidate, so that a wider grid might hold a better one.

    Raises:
        UserError: every candidate diverged.
    """
    grid = sorted({row["lr"] for row in rows})
    losses = {lr: [row["heldout_loss"] for row in rows if row["lr"] == lr] for lr in grid}
    means = {lr: sum(values) / len(values) for lr, values in losses.items() if None not in values}
    if not means:
        raise UserError(f"selection.grid: every learning rate of {grid} diverged; add smaller ones")
    best = min(means, key=lambda lr: (means[lr], lr))
    return {"lr": best, "mean_losses": means, "at_edge": best in (grid[0], grid[-1])}
