"""Check a method of the user's own in one round, before any job trains with it."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from zowarmup.algorithms.rounds import Cohort, RecordError, Report, RoundRecord, State
from zowarmup.common import user_code
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.config.registry import module_of
from zowarmup.plan.specs import Phase
from zowarmup.training import phases
from zowarmup.training.context import Context
from zowarmup.training.network_check import same

CLIENTS = 2  # of the round


def check_method(context: Context, phase: Phase, seeds: Seeds) -> None:
    """Check a method of the user's own, or one that cuts their network, in a round of two clients.

    Raises:
        UserError: names the file, what is wrong and what to change.
    """
    own = context.own_network
    source = str(phase.source or (own and own.source))
    with user_code.running(module_of(source)), _no_global_draws(source):
        (ready,) = phases.prepare(context, [phase])
        _check_methods(ready, source)
        cohort = _cohort(context, ready.clients)
        state = ready.algorithm.begin(context.model.initial(0).to(context.device))
        _check_state(state, context, f"{source}.begin")
        new, report = _round(context, ready, state, cohort, seeds, source)
        _check_report(report, cohort, source)
        again, _ = _round(context, ready, state, cohort, seeds, source)
        if not same(new.w, again.w):
            raise UserError(
                f"{source}.round: gives another model for the same arguments; draw random numbers "
                "from `seeds` alone"
            )
        if ready.has_records:
            _check_replay(ready, state, new, report, cohort, seeds, source)


@contextmanager
def _no_global_draws(source: str) -> Iterator[None]:
    """Check that the block leaves the global generators of random numbers as they were.

    Raises:
        UserError: it draws from one of them, so that no replay would repeat its results.
    """

    def states() -> tuple[object, ...]:
        numpy = np.random.get_state(legacy=False)["state"]  # noqa: NPY002 - a user may draw from it
        numpy_state = numpy["key"].tolist(), numpy["pos"]
        return torch.get_rng_state().tolist(), numpy_state, random.getstate()

    before = states()
    yield
    if states() != before:
        raise UserError(
            f"{source}: draws from a global generator of random numbers, so no replay repeats it; "
            "draw from a generator seeded with zowarmup.common.seeds.key and `seeds`"
        )


def _cohort(context: Context, clients: tuple[int, ...]) -> Cohort:
    """Two of the clients, one of each tier if there are two tiers."""
    low = [i for i in clients if i in context.low]
    high = [i for i in clients if i not in context.low]
    two = tuple(sorted((low[0], high[0]))) if low and high else clients[:CLIENTS]
    return Cohort(two, tuple(context.sizes[i] for i in two), context.low & frozenset(two))


def _check_methods(ready: phases.TrainingPhase, source: str) -> None:
    for name in ("begin", "round", *(("report",) if ready.has_records else ())):
        if not callable(getattr(ready.algorithm, name, None)):
            raise UserError(f"{source}: has no method {name}; write it")


def _round(
    context: Context,
    ready: phases.TrainingPhase,
    state: State,
    cohort: Cohort,
    seeds: Seeds,
    source: str,
) -> tuple[State, Report]:
    """The checked state after a round, and its report."""
    before, where = state.w.clone(), f"{source}.round"
    result = ready.algorithm.round(state, 1, cohort, context.engine, seeds)
    if not isinstance(result, tuple) or len(result) != 2:
        raise UserError(f"{where}: gives a {type(result).__name__}; give a new State and a Report")
    _check_state(result[0], context, where)
    if not torch.equal(state.w, before):
        raise UserError(f"{where}: changes state.w; compute a new tensor")
    return result


def _check_state(state: object, context: Context, where: str) -> None:
    if not isinstance(state, State):
        raise UserError(f"{where}: gives a {type(state).__name__}; give a State")
    if state.w.shape != (context.model.d,) or state.w.dtype != torch.float32:
        raise UserError(
            f"{where}: gives a model of {tuple(state.w.shape)} {state.w.dtype}; give all "
            f"{(context.model.d,)} parameters as torch.float32"
        )
    for name, value in state.server.items():
        if not isinstance(value, Tensor):
            raise UserError(
                f"{where}: gives a {type(value).__name__} for server[{name!r}]; give a tensor"
            )


def _check_report(report: object, cohort: Cohort, source: str) -> None:
    if not isinstance(report, Report):
        raise UserError(f"{source}.round: gives a {type(report).__name__}; give a Report")
    for name in ("bytes_up", "bytes_down"):
        if len(getattr(report, name)) != len(cohort.clients):
            raise UserError(
                f"{source}.round: {name} has {len(getattr(report, name))} numbers for "
                f"{len(cohort.clients)} clients; give one for each client of the cohort"
            )


def _check_replay(
    ready: phases.TrainingPhase,
    state: State,
    new: State,
    report: Report,
    cohort: Cohort,
    seeds: Seeds,
    source: str,
) -> None:
    """Check that the record of a round, read back from a journal, repeats its step bit for bit."""
    if report.record is None:
        raise UserError(f"{source}.round: it has `apply`, so put the record into the Report")
    try:
        record = RoundRecord.from_json(json.loads(json.dumps(report.record.to_json())))
        record.check(1, cohort)
    except RecordError as error:
        raise UserError(f"{source}.round: {error}; see algorithms.rounds.RoundRecord") from None
    if not same(ready.replayable.apply(state, record, seeds).w, new.w):
        raise UserError(
            f"{source}: apply does not repeat the step of round from its record; let both call one "
            "function"
        )
    if ready.replayable.report(cohort, record) != report:
        raise UserError(f"{source}: report gives other costs than round; let round call it")
