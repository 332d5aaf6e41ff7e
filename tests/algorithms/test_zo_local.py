"""Local zeroth-order steps: one is ZO's, and the mean of the models follows from the scalars."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from toys import cohort, linear

from zowarmup.algorithms.engine_protocol import LocalZO
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_local import ZOLocal
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.engines.plain import Plain

SEEDS = Seeds(0, 5, 3)


def settings(**changed):
    return ZOLocal(**({"lr": 0.2, "epochs": 2, "batch": 4, "S": 2, "eps": 1e-2} | changed))


@pytest.fixture
def engine():
    """Three clients of 6, 10 and 3 images: 2, 3 and 1 steps to an epoch of batch 4."""
    return linear(6, 10, 3)


def models(method, engine, w, t, members):
    """The clients' models after the walks of a round, and their scalars."""
    T = method.steps(max(members.sizes))
    directions = method.directions(t, members.clients, T, len(w), SEEDS, w.device)
    orders = visits(t, members, method.epochs, SEEDS)
    zo = LocalZO(method.batch, method.lr, method.S, method.eps, method.tau)
    walks = engine.local_zo_steps(w, members.clients, directions, orders, zo)
    local, scalars = zip(*walks, strict=True)
    return list(local), list(scalars)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize("S", [1, 3])
def test_one_full_batch_step_is_that_of_zo(engine, S, distribution):
    """The same directions; the images come in another order, so sums differ by rounding."""
    w, members = engine.model.initial(1), cohort(engine, (0, 1, 2))
    same = {"S": S, "lr": 0.2, "eps": 1e-2, "distribution": distribution}
    local, one = ZOLocal(**same, epochs=1, batch=10), ZO(**same)
    new, report = local.round(State(w), 7, members, engine, SEEDS)
    expected, theirs = one.round(State(w), 7, members, engine, SEEDS)
    scalars = torch.tensor(report.record.scalars)
    assert scalars.shape == (3, S)
    torch.testing.assert_close(scalars, torch.tensor(theirs.record.scalars), rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(new.w, expected.w, rtol=1e-5, atol=1e-5)
    assert (new.w - w).abs().max() > 1e-2
    assert (report.bytes_up, report.bytes_down) == (theirs.bytes_up, theirs.bytes_down)
    assert (report.forward, report.backward) == (theirs.forward, theirs.backward)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_the_new_model_is_the_weighted_mean_of_the_clients_models(engine, distribution):
    """w - lr sum_i p_i / S sum_j c_ij z_ij, the walks being of unequal length."""
    method, w = settings(distribution=distribution), engine.model.initial(1)
    members = cohort(engine, (0, 1, 2))
    local, scalars = models(method, engine, w, 4, members)
    assert [len(cs) for cs in scalars] == [2 * 2, 2 * 3, 2 * 1]
    mean = sum(n / 19 * w_i.double() for n, w_i in zip((6, 10, 3), local, strict=True))
    new, report = method.round(State(w), 4, members, engine, SEEDS)
    torch.testing.assert_close(new.w.double(), mean, rtol=0, atol=1e-6)
    spread = sum(
        n / 19 * (w_i.double() - mean).square().sum()
        for n, w_i in zip((6, 10, 3), local, strict=True)
    )
    assert report.drift == pytest.approx(math.sqrt(spread), rel=1e-4)
    assert report.record.drift == report.drift > 0.01
    for met, cs in zip(report.record.scalars, scalars, strict=True):
        assert met == cs.flatten().tolist() + [0.0] * (12 - cs.numel())


def test_a_single_client_does_not_drift(engine):
    """Its model is the mean; what is left is the root of the rounding of its squared distance."""
    w = engine.model.initial(1)
    new, report = settings().round(State(w), 1, cohort(engine, (1,)), engine, SEEDS)
    assert report.drift < 1e-3 * (new.w - w).norm()


def test_a_walk_is_steps_at_its_own_model(engine):
    """The second scalar is the difference of losses where the first step has led to."""
    method, w = settings(S=1, epochs=1, batch=3), engine.model.initial(1)
    members = cohort(engine, (0,))
    directions = method.directions(2, (0,), 2, engine.d, SEEDS, w.device)
    x, y = engine.data[0].x(), engine.data[0].y
    for j, rows in enumerate(visits(2, members, 1, SEEDS)[0, 0].split(3)):
        z = method.tau * directions.row(j)
        above, below = (
            cross_entropy(engine.model.logits(v, x[rows]).double(), y[rows]).item()
            for v in (w + 1e-2 * z, w - 1e-2 * z)
        )
        c = (above - below) / 2e-2
        w = w - 0.2 * c * z
    [local], _ = models(method, engine, engine.model.initial(1), 2, members)
    torch.testing.assert_close(local, w, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_replay_from_the_records_gives_the_bits_of_every_round(engine, distribution):
    method = settings(distribution=distribution)
    state = replica = method.begin(engine.model.initial(1))
    for t, present in enumerate([(0, 1), (2,), (0, 1, 2), (0, 2)], start=1):
        members = cohort(engine, present)
        state, report = method.round(state, t, members, engine, SEEDS)
        replica = method.apply(replica, report.record, SEEDS)
        assert torch.equal(replica.w, state.w)
        assert method.report(members, report.record) == report


@pytest.mark.parametrize("kind", [Plain, Batched])
@pytest.mark.parametrize("client", [0, 1, 2])
def test_a_client_sends_the_same_whoever_else_takes_part(engine, client, kind):
    """Also beside a larger one, for which more steps are drawn."""
    method, w, own = settings(), engine.model.initial(1), linear(6, 10, 3, kind=kind)
    alone, everyone = (
        method.round(State(w), 3, cohort(engine, present), own, SEEDS)[1].record
        for present in ((client,), (0, 1, 2))
    )
    [mine], theirs = alone.scalars, everyone.scalars[client]
    assert theirs[: len(mine)] == mine
    assert not any(theirs[len(mine) :])
    assert all(mine)


def test_every_step_of_every_client_has_directions_of_its_own(engine):
    method = settings()
    keys = torch.cat(
        [method.directions(t, (0, 1, 2), 6, 40, SEEDS, torch.device("cpu")).keys for t in (1, 2)]
    )
    assert len(keys.unique()) == 2 * 3 * 6 * 2


def test_costs_by_hand():
    """n = (6, 10), B = 4, E = 2, S = 2: 4 and 6 steps, so 8 and 12 scalars of 4 bytes.

    Each client receives all 20 scalars; each step passes its images 2 S times.
    """
    report = settings().report(Cohort((0, 1), (6, 10)), {"drift": 0.0})
    assert report.bytes_up == [4 * 8, 4 * 12]
    assert report.bytes_down == [4 * 20] * 2
    assert (report.forward, report.backward) == (2 * 2 * 2 * 16, 0)


def test_w_is_never_modified(engine):
    w = engine.model.initial(1)
    before = w.clone()
    new, report = settings(lr=0.0).round(State(w), 1, cohort(engine, (0, 1)), engine, SEEDS)
    assert torch.equal(w, before)
    assert torch.equal(new.w, before)
    assert report.drift == 0.0
