"""Costs: bytes and passes of every kind of phase, by counting for each client alone."""

import math
from collections import Counter
from pathlib import Path

import pytest
import small_runs
from small_runs import (
    ALL,
    SEEDS,
    WARM,
    Spec,
    fedavg,
    finish,
    last_of,
    phase_of,
    spec_of,
    steps_of,
    zo,
)
from torch import Tensor

from zowarmup.training.catch_up import Absences
from zowarmup.training.context import Context
from zowarmup.training.costs import Costs


def test_bytes_of_catching_up_by_hand() -> None:
    """Records of 24, 12 and 36 bytes; who missed which is written beside each line."""
    absences = Absences([0, 1, 2], model_bytes=4000, limit=1000)
    assert absences.round([0, 1], 24) == {0: 0, 1: 0}  # nobody has missed anything
    assert absences.round([2], 12) == {2: 24}  # 2 missed the first
    assert absences.round([0, 2], 36) == {0: 12, 2: 0}  # 0 missed the second
    assert absences.finish() == {0: 0, 1: 12 + 36, 2: 0}  # 1 missed the second and the third
    assert absences.finish() == {0: 0, 1: 0, 2: 0}  # and now nobody


def test_who_missed_more_than_the_limit_is_sent_the_model() -> None:
    """The limit counts directions, of 4 bytes each: 5 are replayed, 6 are not."""
    absences = Absences([0, 1], model_bytes=400, limit=5)
    assert absences.round([0], 20) == {0: 0}
    assert absences.round([0, 1], 4) == {0: 0, 1: 20}
    assert absences.round([0], 24) == {0: 0}
    assert absences.finish() == {0: 0, 1: 400}


def test_costs_of_a_phase_of_records(context: Context, pivot: Tensor) -> None:
    """By counting for each client alone what it sends and receives, in bytes.

    A client of the cohort sends 4 S; it receives the records of its round and of all that it missed
    since it last took part; at the end everybody receives the rest.
    """
    phase = zo(participation=0.5, S=2)
    up, down, forward = Counter[int](), Counter[int](), 0
    last = dict.fromkeys(context.tiers["all"], WARM)
    sizes = {}
    for t in range(WARM + 1, ALL + 1):
        members = small_runs.cohort(context, phase, t, SEEDS)
        sizes[t] = 4 * 2 * len(members.clients)
        for client in members.clients:
            up[client] += 4 * 2
            down[client] += sum(sizes[past] for past in range(last[client] + 1, t + 1))
            last[client] = t
        forward += 2 * 2 * sum(context.sizes[client] for client in members.clients)
    for client, past in last.items():
        down[client] += sum(sizes[t] for t in range(past + 1, ALL + 1))
    assert last_of(steps_of(context, phase, pivot)).costs == tally_of(context, up, down, forward, 0)


def tally_of(
    context: Context, up: Counter[int], down: Counter[int], forward: int, backward: int
) -> Costs:
    """What clients sent and received as totals, and as the part of the low-resource ones."""
    low = [sum(of[i] for i in context.tiers["low"]) for of in (up, down)]
    return Costs(up.total(), down.total(), *low, forward, backward)


def up_of(phase: Spec, n: int) -> int:
    """Bytes that a client of n images sends in a round."""
    steps = phase.get("epochs", 1) * math.ceil(n / phase.get("batch", n))
    return {
        "zo": lambda: 4 * phase["S"],
        "zo_adam": lambda: 4 * phase["S"],
        "zo_average": lambda: 4 * phase["S"],
        "zo_block": lambda: 4 * phase["S"],
        "zo_adam_smooth": lambda: 4 * phase["S"],
        "zo_orthogonal": lambda: 4 * phase["S"],
        "zo_groups": lambda: 4 * phase["S"],
        "zo_low_rank": lambda: 4 * phase["S"],
        "zo_scalar_moment": lambda: 4 * phase["S"],
        "zo_local": lambda: 4 * phase["S"] * steps,
        "fedkseed": lambda: min(
            6 * steps, 4 * phase["K"] if phase["sampling"] == "uniform" else math.inf
        ),
    }[phase["algorithm"]]()


def test_costs_of_a_phase_of_models(context: Context) -> None:
    """Whoever takes part downloads and uploads one model; passes are images times epochs."""
    phase = fedavg(WARM, clients="all", participation=0.5, epochs=3)
    cohorts = [small_runs.cohort(context, phase, t, SEEDS) for t in range(1, WARM + 1)]
    sent = Counter(i for cohort in cohorts for i in cohort.clients)
    sent = Counter({i: n * 4 * context.model.d for i, n in sent.items()})
    assert sent.total() == 4 * context.model.d * 5 * WARM
    passes = 3 * sum(sum(cohort.sizes) for cohort in cohorts)
    w = context.model.initial(SEEDS.initialisation)
    expected = tally_of(context, sent, sent, passes, passes)
    assert last_of(steps_of(context, phase, w, first=1)).costs == expected


def test_the_broadcast_at_the_pivot_is_counted_once(
    context: Context, pivot: Tensor, tmp_path: Path
) -> None:
    """Ten clients, seven of them low, download 4 d bytes before the first of their 30 scalars."""
    spent = Costs(100, 200, 30, 40, 300, 400)
    spec = spec_of(fedavg(), zo())
    end = finish(context, spec, pivot, tmp_path, costs=spent)
    first, records = end.rows[0], 5 * 4 * 3 * 10
    assert first["bytes_up"] == 100 + records
    assert first["bytes_down"] == 200 + 10 * 4 * context.model.d + 10 * records
    assert first["bytes_up_low"] == 30 + records * 7 // 10
    assert first["bytes_down_low"] == 40 + 7 * 4 * context.model.d + 7 * records
    assert first["forward_passes"] == 300 + 5 * 2 * 3 * sum(context.sizes)
    assert first["backward_passes"] == 400


@pytest.mark.parametrize("participation", [1.0, 0.5])
@pytest.mark.parametrize("algorithm", ["fedadam", "heterofl"])
def test_costs_of_other_phases_of_models(
    context: Context, algorithm: str, participation: float
) -> None:
    """4 d bytes each way; a low-resource client of HeteroFL 4 d' of the network half as wide."""
    phase = phase_of(algorithm, WARM, participation=participation, epochs=2)
    d = 64 * 32 + 32 + 32 * 10 + 10
    d_low = 64 * 16 + 16 + 16 * 10 + 10 if algorithm == "heterofl" else d
    sent, passes = Counter[int](), 0
    for t in range(1, WARM + 1):
        for client in small_runs.cohort(context, phase, t, SEEDS).clients:
            sent[client] += 4 * (d_low if client in context.tiers["low"] else d)
            passes += 2 * context.sizes[client]
    w = context.model.initial(SEEDS.initialisation)
    expected = tally_of(context, sent, sent, passes, passes)
    assert last_of(steps_of(context, phase, w, first=1)).costs == expected


@pytest.mark.parametrize("participation", [1.0, 0.5])
@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        ("zo", {}), ("zo_adam", {"S": 2}), ("zo_local", {"S": 2}), ("fedkseed", {}),
        ("fedkseed", {"K": 5}), ("fedkseed", {"K": 5, "sampling": "pro"}),
        ("zo_average", {"average": "mean"}), ("zo_scalar_moment", {"window": 3}),
        ("zo_block", {}), ("zo_adam_smooth", {}), ("zo_orthogonal", {"S": 4}),
        ("zo_groups", {}), ("zo_low_rank", {}),
    ],
)  # fmt: skip
def test_costs_of_every_phase_of_records(
    context: Context,
    pivot: Tensor,
    tmp_path: Path,
    algorithm: str,
    settings: Spec,
    participation: float,
) -> None:
    """Acceptance 8: a client alone, from the broadcast of 4 d bytes on, to the byte.

    It sends its scalars and receives those of everybody in its round and in all that it missed, in
    the end those of the last rounds; in FedKSeed at most the K accumulators each time, and as many
    probabilities with "pro".
    """
    phase = phase_of(algorithm, participation=participation, **settings)
    spent = Costs(100, 200, 30, 40, 300, 400)
    up, down, passes = Counter[int](), Counter(dict.fromkeys(range(10), 4 * 2410)), 0
    unread = dict.fromkeys(range(10), 0)
    for t in range(WARM + 1, ALL + 1):
        clients = small_runs.cohort(context, phase, t, SEEDS).clients
        total = sum(up_of(phase, context.sizes[i]) for i in clients)
        most = 4 * phase.get("K", 10**9) * (2 if phase.get("sampling") == "pro" else 1)
        for i in clients:
            up[i] += up_of(phase, context.sizes[i])
            down[i] += min(most, unread[i]) + min(most, total)
            passes += 2 * phase.get("S", 1) * phase.get("epochs", 1) * context.sizes[i]
        unread = {i: 0 if i in clients else size + total for i, size in unread.items()}
    down.update({i: min(most, size) for i, size in unread.items()})
    end = finish(context, spec_of(fedavg(), phase), pivot, tmp_path, costs=spent)
    expected = tally_of(context, up, down, passes, 0)
    for name, value in vars(expected).items():
        assert end.rows[-1][name] - vars(spent)[name] == value, name


@pytest.mark.parametrize(
    ("algorithm", "vectors"), [("zo", 1), ("zo_local", 1), ("zo_adam", 3), ("zo_average", 1)]
)
def test_who_is_sent_the_model_needs_the_server_s_moments_too(
    context: Context, pivot: Tensor, algorithm: str, vectors: int
) -> None:
    """One client a round, one direction to catch up with at most: all others get w, or w, m, v."""
    phase = phase_of(algorithm, 6, participation=0.1, S=2, catch_up_limit=1)
    last, late, records = dict.fromkeys(range(10), 0), 0, 0
    for t in range(1, 7):
        [client] = small_runs.cohort(context, phase, WARM + t, SEEDS).clients
        late += t - 1 > last[client]
        last[client] = t
        records += up_of(phase, context.sizes[client])
    late += sum(t < 6 for t in last.values())
    costs = last_of(steps_of(context, phase, pivot)).costs
    assert costs.bytes_down == records + late * vectors * 4 * context.model.d
