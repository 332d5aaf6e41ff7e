"""What the clients of a run have sent and received up to a round that nobody measured."""

import itertools
from dataclasses import asdict, fields
from typing import cast

import torch

from zowarmup.algorithms.engine import Engine
from zowarmup.algorithms.rounds import Replayable
from zowarmup.data import federation
from zowarmup.engines.images import Images
from zowarmup.inspection.metric_rows import row_at
from zowarmup.inspection.provenance import inputs_of
from zowarmup.training import context, loop, replay
from zowarmup.training.costs import Costs
from zowarmup.training.replay import Track


def sent(run: Track, t: int) -> dict[str, int] | None:
    """The tally of a run after round t, which its journal has; None where files do not tell.

    Each round is counted as in training, from its record; nothing is replayed.
    """
    costs, here = _before(run), _world(run)
    if costs is None or here is None:
        return None
    w, end, before, records = replay.begin(run), run.pivot, None, run.records()
    for phase in run.phases:
        if end == t:
            break
        if not loop.has_records(phase):
            return None
        state, costs = loop.begin(here, phase, w, costs, before)
        away = loop.absences(here, phase, state)
        method, last = cast(Replayable, loop.algorithm(phase)), end + phase["rounds"]
        for record in itertools.islice(records, min(t, last) - end):
            end += 1
            members = loop.cohort(here, phase, end, run.seeds)
            report = method.report(members, record)
            costs = loop.counted(here, costs, report, members, away, end == last)
        before = phase
    return asdict(costs)


def _before(run: Track) -> Costs | None:
    """What the warm-up has cost."""
    if run.start is None:
        return Costs()
    row = row_at(run.start.parent.parent, run.pivot)
    return Costs(**{field.name: row[field.name] for field in fields(Costs)}) if row else None


def _world(run: Track) -> context.Context | None:
    """The clients of a run without their images."""
    file = inputs_of(run.folder, run.spec, run.seed).get("federation")
    if file is None or not file.is_file():
        return None
    dealt, model = federation.load(file), run.model
    shape = tuple(run.about["shape"])
    return context.Context(
        model=model,
        engine=cast(Engine, None),
        tiers=context.tiers(dealt, run.spec, model, shape),
        sizes=tuple(map(int, dealt.train_sizes)),
        train=cast(Images, None),
        heldout=cast(Images, None),
        test=cast(Images, None),
        classes=run.about["classes"],
        shape=shape,
        device=torch.device("cpu"),
    )
