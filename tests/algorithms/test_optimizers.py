"""Zeroth-order phases with averages, falling rates and a scalar second moment."""

import math
from dataclasses import replace

import pytest
import torch
import toys

from zowarmup.algorithms.optimizers.falling_rate import FallingRate
from zowarmup.algorithms.optimizers.scalar_moment import NU, ScalarMoment, mean_square
from zowarmup.algorithms.optimizers.zo_average import ZOAverage
from zowarmup.algorithms.optimizers.zo_scalar_moment import ZOScalarMoment
from zowarmup.algorithms.rounds import Cohort, RoundRecord
from zowarmup.algorithms.zo import ZO, coefficients, combine
from zowarmup.common.seeds import Seeds

SEEDS = Seeds(0, 5, 3)
COHORT = Cohort((0, 1), (6, 10))
SETTINGS = {"lr": 0.05, "S": 2, "eps": 1e-3}


@pytest.fixture
def engine():
    """A linear classifier and two clients of 6 and 10 images."""
    return toys.named(6, 10)


def rounds(method, engine, number=6):
    """The states after each round, and their records."""
    states, reports = toys.rounds(method, engine, [COHORT] * number, SEEDS)
    return states, [report.record for report in reports]


def record(scalars, weights=(0.25, 0.75)):
    return RoundRecord(1, [0, 1], list(weights), scalars, 0.1)


# --- averages and falling rates -------------------------------------------------------------


@pytest.mark.parametrize("average", ["none", "mean", "exponential"])
def test_an_average_leaves_the_iterates_of_zo_as_they_are(engine, average):
    """Bit for bit: only the model that is handed out differs."""
    expected, records = rounds(ZO(**SETTINGS), engine)
    states, own = rounds(ZOAverage(**SETTINGS, average=average), engine)
    assert own == records
    for k, (state, plain) in enumerate(zip(states, expected, strict=True), start=1):
        assert torch.equal(state.iterate, plain.w)
        assert state.server["steps"].item() == k
    assert torch.equal(states[-1].w, expected[-1].w) == (average == "none")


@pytest.mark.parametrize("skip", [0, 2, 6])
def test_a_mean_is_that_of_the_last_iterates(engine, skip):
    """After step 6: of iterates skip + 1 .. 6, or the last one."""
    states, _ = rounds(ZOAverage(**SETTINGS, average="mean", average_after=skip), engine)
    iterates = [state.iterate for state in states]
    expected = torch.stack(iterates[skip:] or iterates[-1:]).double().mean(0)
    torch.testing.assert_close(states[-1].w.double(), expected, rtol=0, atol=1e-6)


def test_an_exponential_average_weighs_by_age(engine):
    """Weights b^age / sum of b^age, by hand."""
    method = ZOAverage(**SETTINGS, average="exponential", average_decay=0.5)
    states, _ = rounds(method, engine, 3)
    w_1, w_2, w_3 = (state.iterate for state in states)
    torch.testing.assert_close(states[-1].w, (w_1 + 2 * w_2 + 4 * w_3) / 7)


def test_a_state_shares_no_memory_between_model_and_iterate(engine):
    """Or a checkpoint could not hold both."""
    for state in rounds(ZOAverage(**SETTINGS, average="mean"), engine, 2)[0]:
        assert state.w.data_ptr() != state.iterate.data_ptr()
        assert [kept.data_ptr() for kept in state.of_clients if kept.dim()] == [
            state.iterate.data_ptr()
        ]


@pytest.mark.parametrize(
    ("decay", "factors"),
    [
        ("none", [1, 1, 1, 1, 1, 1]),
        ("linear", [1, 3 / 4, 1 / 2, 1 / 4, 1 / 4, 1 / 4]),
        ("cosine", [1, 0.5 + 0.5**1.5, 1 / 2, 0.5 - 0.5**1.5, 0.5 - 0.5**1.5, 0.5 - 0.5**1.5]),
        ("halving", [1, 2**-0.25, 2**-0.5, 2**-0.75, 1 / 2, 2**-1.25]),
    ],
)
def test_rates_fall_and_stay_positive(engine, decay, factors):
    """T = 4, also beyond it; the records hold the rates."""
    falling = FallingRate(decay=decay, decay_rounds=4)
    assert [falling.factor(k) for k in range(6)] == pytest.approx(factors)
    method = ZOAverage(**SETTINGS, decay=decay, decay_rounds=4)
    lrs = [own.lr for own in rounds(method, engine)[1]]
    assert lrs == pytest.approx([0.05 * factor for factor in factors])


# --- scalar moment --------------------------------------------------------------------------


@pytest.mark.parametrize("scaling", ["paper", "unbiased"])
@pytest.mark.parametrize("shared", [False, True])
def test_the_mean_square_is_that_of_the_estimate(engine, scaling, shared):
    """Exact for one direction; for several up to the inner products of random directions."""
    d = 1 << 16
    for S, tolerance in ((1, 1e-6 if shared else 0.03), (3, 0.03)):
        method = ZO(lr=1.0, S=S, scaling=scaling, shared_directions=shared)
        directions = method.directions(1, (0, 1), d, SEEDS, torch.device("cpu"))
        a = [0.3, -0.2, 0.7, 0.1, 0.5, -0.4][: 2 * S]
        g = combine(a, directions, torch.zeros(d), scale=method.scale)
        q = mean_square(a, method.scale, S, shared)
        assert q == pytest.approx(g.double().square().mean().item(), rel=tolerance)


def test_winsorised_scalars_by_hand():
    """|c| of 1, 2, 3, 100 has the median 2.5; dropped clients and their zeros do not count."""
    moment = ScalarMoment(winsor=2.0)
    assert moment.winsorised(record([[1.0, -2.0], [3.0, -100.0]])).scalars == [[1, -2], [3, -5]]
    of_one = record([[0.0, 0.0], [1.0, 9.0]], weights=(0.0, 1.0))
    assert moment.winsorised(of_one).scalars == [[0, 0], [1, 9]]
    of_none = record([[0.0], [0.0]], weights=(0.0, 0.0))
    assert moment.winsorised(of_none) == of_none
    wild = record([[1.0], [1e30]])
    assert ScalarMoment(winsor=0.0).winsorised(wild) == wild


def test_two_steps_of_the_scalar_moment_by_hand(engine):
    """v = (1 - b) q, then b v + (1 - b) q; N^2 = v / (1 - b^t), so the first step has N^2 = q."""
    settings = SETTINGS | {"lr": 0.01}
    method = ZOScalarMoment(**settings, beta2=0.75, winsor=0.0)
    states, records = rounds(method, engine, 2)
    w, v = engine.model.initial(1), 0.0
    for t, (state, own) in enumerate(zip(states, records, strict=True), start=1):
        a = coefficients(own, 2)
        directions = method.directions(t, (0, 1), engine.d, SEEDS, w.device)
        g = combine(a, directions, w, scale=0.75)
        v = 0.75 * v + 0.25 * 0.75**2 * sum(x * x for x in a)
        w = w - 0.01 * g / math.sqrt(v / (1 - 0.75**t))
        torch.testing.assert_close(state.w, w, rtol=1e-5, atol=1e-6)
        assert state.server["v"].item() == pytest.approx(v)
    assert (states[0].w - engine.model.initial(1)).square().mean().sqrt().item() == pytest.approx(
        0.01, rel=0.5
    )


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_step_does_not_depend_on_the_scale_of_the_loss(engine, factor):
    """All scalars times a factor: the same steps, up to rounding."""
    method = ZOScalarMoment(lr=0.01, S=2, window=3)
    _, records = rounds(method, engine)
    state = scaled = method.begin(engine.model.initial(1))
    for own in records:
        scalars = [[factor * c for c in cs] for cs in own.scalars]
        state = method.apply(state, own, SEEDS)
        scaled = method.apply(scaled, replace(own, scalars=scalars), SEEDS)
    torch.testing.assert_close(scaled.w, state.w, rtol=1e-4, atol=1e-6)


def test_momentum_is_the_mean_of_the_last_estimates(engine):
    """Window 2, beta1 1/2: the step of round 3 is 2/3 g_3 + 1/3 g_2, divided by N."""
    method = ZOScalarMoment(**SETTINGS, window=2, beta1=0.5, winsor=0.0)
    states, records = rounds(method, engine, 3)
    g = {
        t: combine(
            coefficients(records[t - 1], 2),
            method.directions(t, (0, 1), engine.d, SEEDS, torch.device("cpu")),
            states[0].w,
            scale=0.75,
        )
        for t in (2, 3)
    }
    N = math.sqrt(states[2].server["v"].item() / (1 - 0.99**3)) + NU
    step = states[1].w - states[2].w
    torch.testing.assert_close(step, 0.05 * (2 * g[3] + g[2]) / 3 / N, rtol=1e-4, atol=1e-6)
    assert states[2].server["window_keys"].shape == (2, 4)


def test_a_window_of_one_round_is_no_momentum(engine):
    one = rounds(ZOScalarMoment(**SETTINGS, window=1), engine)[0][-1]
    other = rounds(ZOScalarMoment(**SETTINGS, window=4, beta1=0.0), engine)[0][-1]
    assert torch.equal(one.w, other.w)
    assert set(one.server) == {"v", "steps"}


def test_scalars_of_zero_leave_the_model(engine):
    """And no division by zero."""
    method = ZOScalarMoment(**SETTINGS)
    state = method.begin(engine.model.initial(1))
    silent = record([[0.0, 0.0], [0.0, 0.0]], weights=(6 / 16, 10 / 16))
    assert torch.equal(method.apply(state, silent, SEEDS).w, state.w)


# --- replay ---------------------------------------------------------------------------------

METHODS = [
    ZOAverage(**SETTINGS, average="exponential", decay="linear", decay_rounds=4),
    ZOScalarMoment(**SETTINGS, window=3, average="mean", average_after=2),
    ZOScalarMoment(**SETTINGS, shared_directions=True, distribution="gaussian", winsor=1.0),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_replay_gives_the_bits_of_every_round(engine, method):
    """From records as a journal holds them; every tensor of the server's state as well."""
    states, records = rounds(method, engine)
    replica = method.begin(engine.model.initial(1))
    for state, own in zip(states, records, strict=True):
        replica = method.apply(replica, RoundRecord.from_json(own.to_json()), SEEDS)
        assert torch.equal(replica.w, state.w)
        assert replica.server.keys() == state.server.keys()
        for name, kept in replica.server.items():
            assert torch.equal(kept, state.server[name])
        assert method.report(COHORT, own).record == own
