"""Replay: the model at the pivot and the journal give the model of every round, to the bit."""

from pathlib import Path

import pytest
import small_runs
import torch
from small_runs import (
    ALL,
    RECORDED,
    SEEDS,
    WARM,
    Spec,
    fedavg,
    finish,
    phase_of,
    replayable,
    spec_of,
    steps_of,
    zo,
)
from torch import Tensor

from zowarmup.algorithms.rounds import State
from zowarmup.storage import journal
from zowarmup.training.context import Context

VARIANTS: list[Spec] = [
    {},
    {"distribution": "gaussian"},
    {"scaling": "unbiased", "shared_directions": True, "S": 2},
    {"estimator": "directional"},
    {"participation": 0.5},
    {"participation": 0.1, "clients": "low"},
]


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_replaying_the_journal_gives_every_model(
    context: Context, pivot: Tensor, tmp_path: Path, settings: Spec
) -> None:
    """Of the run itself only the pivot and the journal are used: it is a real file, read again."""
    phase = zo(**settings)
    expected = [step.w for step in steps_of(context, phase, pivot)]
    end = finish(context, spec_of(fedavg(), phase), pivot, tmp_path)
    records = small_runs.records_of(tmp_path / "journal.jsonl")
    method = small_runs.algorithm(phase)
    states = list(journal.replay(method.begin(pivot), records, method, SEEDS))
    replayed = [state.w for state in states]
    assert len(replayed) == len(expected) == ALL - WARM
    assert all(torch.equal(a, b) for a, b in zip(replayed, expected, strict=True))
    assert torch.equal(replayed[-1], end.w)
    assert not torch.equal(replayed[-1], pivot)


@pytest.mark.parametrize(("algorithm", "settings"), RECORDED, ids=str)
def test_any_journal_gives_every_model(
    context: Context, pivot: Tensor, tmp_path: Path, algorithm: str, settings: Spec
) -> None:
    phase = phase_of(algorithm, participation=0.5, **settings)
    expected = [step.state for step in steps_of(context, phase, pivot)]
    end = finish(context, spec_of(fedavg(), phase), pivot, tmp_path)
    records, method = small_runs.records_of(tmp_path / "journal.jsonl"), replayable(phase, context)
    replayed = list(journal.replay(method.begin(pivot), records, method, SEEDS))
    for a, b in zip(replayed, expected, strict=True):
        assert torch.equal(a.w, b.w)
        assert all(torch.equal(a.server[name], b.server[name]) for name in b.server)
    assert torch.equal(replayed[-1].w, end.w)
    assert (end.w - pivot).norm() > 0.01
    assert len(records) == ALL - WARM


@pytest.mark.parametrize("clients", ["all", "low"])
@pytest.mark.parametrize("participation", [1.0, 0.5, 0.1])
def test_replicas_that_catch_up_by_records_hold_the_server_s_bits(
    context: Context, pivot: Tensor, participation: float, clients: str
) -> None:
    """Every client keeps its own model and replays what it missed before it takes part again."""
    phase = zo(participation=participation, clients=clients)
    method, tier = small_runs.algorithm(phase), context.tiers[clients]
    w, records, missed = pivot, [], 0
    replicas, seen = dict.fromkeys(tier, pivot), dict.fromkeys(tier, 0)

    def catch_up(client: int) -> int:
        late = records[seen[client] :]
        replayed = journal.replay(State(replicas[client]), late, method, SEEDS)
        replicas[client] = [replicas[client], *(state.w for state in replayed)][-1]
        seen[client] = len(records)
        return len(late)

    for step in steps_of(context, phase, pivot):
        for client in small_runs.cohort(context, phase, step.t, SEEDS).clients:
            missed += catch_up(client)
            assert torch.equal(replicas[client], w)
        w = step.w
        records.append(step.record)
    for client in tier:
        missed += catch_up(client)
        assert torch.equal(replicas[client], w)
    assert missed == len(tier) * (ALL - WARM)
    assert max(len(record.clients) for record in records) == round(participation * len(tier))
