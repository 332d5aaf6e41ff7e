"""The costs of a run up to a round that nobody measured."""

from dataclasses import asdict, fields
from typing import cast

import torch

from zowarmup.algorithms.engine import Engine
from zowarmup.data import federation
from zowarmup.engines.images import Images
from zowarmup.inspection.provenance import record_of
from zowarmup.inspection.results import row_at
from zowarmup.training import context, loop, phases, replay
from zowarmup.training.costs import Costs
from zowarmup.training.replay import Track


def costs_at(run: Track, t: int) -> dict[str, int] | None:
    """The costs of a run up to round t of its journal; None where its files do not hold them.

    Each round is counted as in training, from its record; nothing is replayed.
    """
    costs, clients = _of_warmup(run), _clients(run)
    if costs is None or clients is None:
        return None
    w, before, records = replay.begin(run), None, run.records()
    number = len(run.spec.phases) - len(run.phases) + 1
    for phase in phases.prepare(clients, run.phases, after=run.pivot, number=number):
        if phase.first > t:
            break
        if not phase.has_records:
            return None
        step = loop.begin(clients, phase, w, costs, before)
        costs, absences = step.costs, loop.absences(phase, step.state)
        rounds = range(phase.first, min(t, phase.last) + 1)
        for number, record in zip(rounds, records, strict=False):
            members = loop.cohort(clients, phase, number, run.seeds)
            report = phase.replayable.report(members, record)
            costs = loop.counted(clients, costs, report, members, absences, number == phase.last)
        before = phase
    return asdict(costs)


def _of_warmup(run: Track) -> Costs | None:
    if run.start is None:
        return Costs()
    row = row_at(run.start.parent.parent, run.pivot)
    return Costs(**{field.name: row[field.name] for field in fields(Costs)}) if row else None


def _clients(run: Track) -> context.Context | None:
    """The context of a run without its images."""
    record = record_of(run.folder)
    file = record.inputs_of().get("federation") if record else None
    if file is None or not file.is_file():
        return None
    dealt, model, shape = federation.load(file), run.model, run.about.shape
    return context.Context(
        network=run.about.model,
        width=run.about.width,
        model=model,
        engine=cast(Engine, None),
        tiers=context.tiers(dealt, run.spec, model, shape),
        sizes=tuple(map(int, dealt.train_sizes)),
        train=cast(Images, None),
        heldout=cast(Images, None),
        test=cast(Images, None),
        classes=run.about.classes,
        shape=shape,
        device=torch.device("cpu"),
    )
