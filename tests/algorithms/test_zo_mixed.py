"""Mixed rounds and the short forms of a model difference."""

import pytest
import torch
import toys

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.algorithms.fedavg import FedAvg, visits
from zowarmup.algorithms.optimizers.compression import compressed, largest, message_bytes
from zowarmup.algorithms.optimizers.zo_mixed import ZOMixed
from zowarmup.algorithms.rounds import Cohort
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds

SEEDS = Seeds(0, 5, 3)
SIZES = (6, 10, 8)
COHORT = Cohort((0, 1, 2), SIZES, frozenset({0, 2}))
SETTINGS = {"lr": 0.05, "S": 2, "eps": 1e-3, "client_lr": 0.1, "epochs": 2, "batch": 4}


@pytest.fixture
def engine():
    """A linear classifier and three clients, the first and the last low-resource."""
    return toys.named(*SIZES)


def rounds(method, engine, number=3, cohorts=None):
    """The states after each round, and the reports."""
    return toys.rounds(method, engine, cohorts or [COHORT] * number, SEEDS)


def zeroth_order(engine, clients, sizes):
    """The step of ZO from the first model on some clients, with lr 1."""
    w = engine.model.initial(1)
    zo = ZO(lr=1.0, S=2, eps=1e-3)
    return w - zo.round(zo.begin(w), 1, Cohort(clients, sizes), engine, SEEDS)[0].w


def averaged(engine):
    """w_1 - w after local SGD of client 1 from the first model."""
    w = engine.model.initial(1)
    orders = visits(1, Cohort((1,), (10,)), 2, SEEDS)
    (w_1,) = engine.local_sgd(w, (1,), orders, SGD(4, 0.1, 0.0))
    return w_1 - w


@pytest.mark.parametrize("high_factor", [0.0, 1.0, 3.0])
def test_a_round_by_its_formula(engine, high_factor):
    """p = (6/24, 10/24, 8/24): w + m 10/24 (w_1 - w) - 0.05 * 14/24 g of clients 0 and 2."""
    (state,), _ = rounds(ZOMixed(**SETTINGS, high_factor=high_factor), engine, 1)
    g = zeroth_order(engine, (0, 2), (6, 8))
    expected = engine.model.initial(1) - 0.05 * 14 / 24 * g
    expected = expected + high_factor * 10 / 24 * averaged(engine)
    torch.testing.assert_close(state.w, expected, rtol=1e-5, atol=1e-6)


def test_without_low_resource_clients_it_is_fedavg(engine):
    cohort = Cohort((0, 1, 2), SIZES)
    states, _ = rounds(ZOMixed(**SETTINGS), engine, 3, [cohort] * 3)
    fedavg = FedAvg(lr=0.1, epochs=2, batch=4)
    state = fedavg.begin(engine.model.initial(1))
    for t, mixed in enumerate(states, start=1):
        state, _ = fedavg.round(state, t, cohort, engine, SEEDS)
        torch.testing.assert_close(mixed.w, state.w)


def test_without_high_resource_clients_it_is_zo(engine):
    cohort = Cohort((0, 1, 2), SIZES, frozenset({0, 1, 2}))
    states, _ = rounds(ZOMixed(**SETTINGS), engine, 3, [cohort] * 3)
    zo = ZO(lr=0.05, S=2, eps=1e-3)
    state = zo.begin(engine.model.initial(1))
    for t, mixed in enumerate(states, start=1):
        state, _ = zo.round(state, t, cohort, engine, SEEDS)
        assert torch.equal(mixed.w, state.w)


def test_a_normalised_estimate_has_the_size_lr(engine):
    """With m = 0 the first step is 14/24 lr g / N, and N^2 the mean square of winsorised g."""
    settings = SETTINGS | {"lr": 0.01, "high_factor": 0.0, "winsor": 0.0}
    (state,), _ = rounds(ZOMixed(**settings, normalise=True), engine, 1)
    step, g = engine.model.initial(1) - state.w, zeroth_order(engine, (0, 2), (6, 8))
    ratio = step / g
    torch.testing.assert_close(ratio, torch.full_like(ratio, ratio[0].item()), rtol=1e-3, atol=0)
    N = state.server["v"].div(1 - 0.99).sqrt().item()
    assert ratio[0].item() == pytest.approx(0.01 * 14 / 24 / N, rel=1e-3)


def test_the_size_does_not_age_in_a_round_without_low_resource_clients(engine):
    """With m = 0 round 1 does nothing, so round 2 is that of a phase that begins with it."""
    method = ZOMixed(**SETTINGS | {"high_factor": 0.0}, normalise=True)
    states, _ = rounds(method, engine, cohorts=[Cohort((1,), (10,)), COHORT])
    begin = method.begin(engine.model.initial(1))
    alone, _ = method.round(begin, 2, COHORT, engine, SEEDS)
    assert torch.equal(states[0].w, begin.w)
    assert torch.equal(states[1].w, alone.w)


def test_costs(engine):
    """Round 1: all download the model. Round 2: client 2 is absent. Round 3: it needs the model."""
    d, low = engine.d, frozenset({0, 2})
    cohorts = [COHORT, Cohort((0, 1), (6, 10), low & {0}), COHORT]
    _, reports = rounds(ZOMixed(**SETTINGS, download="int8"), engine, 3, cohorts)
    message, scalars = d + 2 * 4, 2 * 4
    assert [list(report.bytes_up) for report in reports] == [
        [scalars, 4 * d, scalars], [scalars, 4 * d], [scalars, 4 * d, scalars],
    ]  # fmt: skip
    both, one = message + 2 * scalars, message + scalars
    assert [list(report.bytes_down) for report in reports] == [
        [both + 4 * d] * 3, [one] * 2, [both, both, both + 4 * d],
    ]  # fmt: skip
    assert (reports[0].forward, reports[0].backward) == (2 * 10 + 2 * 2 * 14, 2 * 10)
    assert all(report.record is None for report in reports)


@pytest.mark.parametrize("download", ["int8", "sign", "top"])
def test_what_a_short_form_leaves_out_comes_later(engine, download):
    """Over three rounds, what all received plus the error is what the clients computed."""
    method = ZOMixed(**SETTINGS, download=download, top=0.1)
    states, _ = rounds(method, engine)
    w, total = engine.model.initial(1), torch.zeros(engine.d)
    received = torch.zeros(engine.d)
    exact = ZOMixed(**SETTINGS)
    only_low = ZOMixed(**SETTINGS, high_factor=0.0)
    for t, state in enumerate(states, start=1):
        start = method.begin(w)
        full, _ = exact.round(start, t, COHORT, engine, SEEDS)
        without, _ = only_low.round(start, t, COHORT, engine, SEEDS)
        total += full.w - without.w
        received += state.w - without.w
        w = state.w
    torch.testing.assert_close(received + states[-1].server["error"], total, rtol=0, atol=1e-5)
    assert states[-1].server["error"].abs().max() > 1e-4


# --- short forms ----------------------------------------------------------------------------

X = torch.tensor([0.5, -1.27, 0.0, 0.004, -2.0, 4.0])


def test_short_forms_by_hand():
    """Two tensors of 4 and 2 entries; scales 0.01 and 4 / 127, means 0.4435 and 3."""
    exact = compressed(X, "float32", (4, 2), 1.0)
    assert torch.equal(exact, X)
    torch.testing.assert_close(
        compressed(X, "int8", (4, 2), 1.0), torch.tensor([0.5, -1.27, 0, 0, -64 * 4 / 127, 4.0])
    )
    signs = torch.tensor([1.0, -1, 1, 1]) * 0.4435
    torch.testing.assert_close(
        compressed(X, "sign", (4, 2), 1.0), torch.cat([signs, torch.tensor([-3.0, 3.0])])
    )
    assert compressed(X, "top", (4, 2), 1 / 3).tolist() == [0, 0, 0, 0, -2, 4]


def test_of_equal_entries_the_first_is_largest():
    assert largest(torch.tensor([1.0, -1.0, 1.0]), 2).tolist() == [1, -1, 0]


def test_a_tensor_of_zeros_stays():
    for form in ("int8", "sign", "top"):
        assert not compressed(torch.zeros(6), form, (4, 2), 0.5).any()


def test_bytes_of_short_forms():
    assert message_bytes("float32", (4, 5), 0.1) == 36
    assert message_bytes("int8", (4, 5), 0.1) == 9 + 8
    assert message_bytes("sign", (4, 5), 0.1) == 2 + 8
    assert message_bytes("top", (4, 5), 0.1) == 8
    assert message_bytes("top", (4, 5), 1.0) == 72
