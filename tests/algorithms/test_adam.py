"""Adam as the server's optimizer: against torch.optim, by hand, and as a round of FedAdam."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from toys import dealt

from zowarmup.algorithms.adam import Adam
from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.algorithms.fedadam import FedAdam
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_adam import ZOAdam
from zowarmup.common.seeds import Seeds
from zowarmup.data.draws import generator
from zowarmup.engines.plain import Plain
from zowarmup.models.flat import FlatModel

SEEDS = Seeds(0, 5, 3)


def random(*shape, name="x"):
    draws = generator("test", name, 0).standard_normal(shape)
    return torch.from_numpy(draws).float()


@pytest.fixture
def engine():
    """A linear classifier and two clients of 6 and 10 images."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(9, 4))
    data = [(random(n, 1, 3, 3, name=f"x{n}"), torch.arange(n) % 4) for n in (6, 10)]
    return Plain(FlatModel(network), dealt(data), micro_batch=4)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_twenty_steps_are_those_of_torch_optim(weight_decay, epsilon):
    """Bias-corrected, the decay coupled: torch.optim.Adam on the same gradients."""
    adam = Adam(epsilon=epsilon, server_weight_decay=weight_decay)
    theirs = nn.Parameter(random(50, name="w").double())
    optimizer = torch.optim.Adam(
        [theirs], lr=0.01, betas=(0.9, 0.999), eps=epsilon, weight_decay=weight_decay
    )
    state = adam.first_moments(theirs.detach().clone())
    for t in range(20):
        g = random(50, name=f"g{t}").double() * 10.0 ** (t % 5 - 3)
        theirs.grad = g.clone()
        optimizer.step()
        state = adam.adam_step(state, g, 0.01)
        torch.testing.assert_close(state.w, theirs.detach(), rtol=1e-12, atol=1e-12)
    assert (state.w - random(50, name="w")).abs().median() > 0.01


def test_three_steps_of_the_variant_of_reddi_by_hand():
    """No correction; lr 1, beta1 1/2, beta2 3/4, epsilon 2, so v starts at 4; w = 0.

    A gradient of 2: m = 1, v = 3 + 1 = 4, w = -1 / (2 + 2). Then -2: m = 1/2 - 1, v = 4, w = -1/8.
    Then 6: m = -1/4 + 3, v = 3 + 9 = 12.
    """
    adam = Adam(beta1=0.5, beta2=0.75, epsilon=2, bias_correction=False, server_weight_decay=0)
    state = adam.first_moments(torch.zeros(1))
    met = []
    for g in (2.0, -2.0, 6.0):
        state = adam.adam_step(state, torch.tensor([g]), 1.0)
        met.append((state.server["m"].item(), state.server["v"].item(), state.w.item()))
    last = -1 / 8 - (11 / 4) / (12**0.5 + 2)
    assert met == [(1.0, 4.0, -1 / 4), (-0.5, 4.0, -1 / 8), (2.75, 12.0, pytest.approx(last))]
    assert state.server["steps"].item() == 3


def test_the_decay_of_the_authors_code_is_the_default():
    w = torch.full((3,), 1e3)
    plain = Adam(server_weight_decay=0.0)
    step = plain.adam_step(plain.first_moments(w), torch.full((3,), 2e-2), 0.1)
    default = Adam().adam_step(Adam().first_moments(w), torch.full((3,), 1e-2), 0.1)
    torch.testing.assert_close(default.server["m"], step.server["m"])


def test_the_first_corrected_step_has_the_length_lr():
    """m / (1 - beta1) = g and v / (1 - beta2) = g^2, so w moves by lr g / |g|."""
    adam = Adam(epsilon=1e-12)
    new = adam.adam_step(adam.first_moments(torch.zeros(3)), torch.tensor([1e-3, -2.0, 50.0]), 0.1)
    torch.testing.assert_close(new.w, torch.tensor([-0.1, 0.1, -0.1]), rtol=1e-5, atol=0)


def test_a_step_leaves_the_state_before_it_as_it_is():
    adam = Adam(server_weight_decay=0.1)
    state = adam.adam_step(adam.first_moments(torch.ones(4)), torch.ones(4), 0.1)
    before = {name: kept.clone() for name, kept in state.server.items()} | {"w": state.w.clone()}
    adam.adam_step(state, torch.full((4,), 3.0), 0.1)
    for name, kept in before.items():
        assert torch.equal(kept, state.w if name == "w" else state.server[name])


# --- FedAdam --------------------------------------------------------------------------------


@pytest.mark.parametrize("server_weight_decay", [0.0, 0.1])
def test_a_round_of_fedadam_is_adam_on_the_mean_difference(engine, server_weight_decay):
    """Three rounds; p = (6/16, 10/16), and the server's optimizer is torch's."""
    method = FedAdam(
        lr=0.01,
        client_lr=0.1,
        epochs=2,
        batch=4,
        weight_decay=0.02,
        server_weight_decay=server_weight_decay,
    )
    cohort, state = Cohort((0, 1), (6, 10)), method.begin(engine.model.initial(1))
    theirs = nn.Parameter(state.w.clone())
    optimizer = torch.optim.Adam([theirs], lr=0.01, weight_decay=server_weight_decay)
    for t in (1, 2, 3):
        orders = visits(t, cohort, 2, SEEDS)
        w = theirs.detach().clone()
        one, other = engine.local_sgd(w, (0, 1), orders, SGD(batch=4, lr=0.1, weight_decay=0.02))
        theirs.grad = 6 / 16 * (w - one) + 10 / 16 * (w - other)
        optimizer.step()
        state, report = method.round(state, t, cohort, engine, SEEDS)
        torch.testing.assert_close(state.w, theirs.detach(), rtol=1e-5, atol=1e-5)
    assert (report.forward, report.backward) == (2 * 16, 2 * 16)
    assert report.bytes_up == report.bytes_down == [4 * engine.d] * 2
    assert report.record is None


def test_the_rates_of_server_and_clients_are_not_confused(engine):
    """A client's rate of next to nothing leaves Adam's first step of length lr: it is scale-free.

    The differences are those of float32, so the clients' rate must stay visible beside w.
    """
    cohort, w = Cohort((0, 1), (6, 10)), engine.model.initial(1)
    for client_lr in (0.1, 0.01):
        method = FedAdam(lr=0.25, client_lr=client_lr, epochs=1, batch=16, epsilon=1e-12)
        new, _ = method.round(method.begin(w), 1, cohort, engine, SEEDS)
        moved = (new.w - w).abs()
        assert moved[moved > 0].median().item() == pytest.approx(0.25, rel=1e-4)
        assert moved.max().item() <= 0.25 * (1 + 1e-4)


# --- zeroth-order rounds through Adam -------------------------------------------------------

SETTINGS = {"lr": 0.01, "S": 2, "eps": 1e-3, "tau": 0.75}


@pytest.mark.parametrize("bias_correction", [True, False])
def test_replay_of_zo_adam_gives_the_bits_of_every_round(engine, bias_correction):
    method = ZOAdam(**SETTINGS, bias_correction=bias_correction, server_weight_decay=1e-3)
    cohort = Cohort((0, 1), (6, 10))
    state = replica = method.begin(engine.model.initial(1))
    for t in range(1, 9):
        state, report = method.round(state, t, cohort, engine, SEEDS)
        replica = method.apply(replica, report.record, SEEDS)
        assert torch.equal(replica.w, state.w)
        assert all(torch.equal(replica.server[name], state.server[name]) for name in state.server)
        assert method.report(cohort, report.record) == report
    assert not torch.equal(state.w, method.begin(engine.model.initial(1)).w)


@pytest.mark.parametrize("scaling", ["paper", "unbiased"])
def test_zo_adam_is_adam_on_the_step_of_zo(engine, scaling):
    """The step of ZO with lr 1 from 0 is the estimate; the rest is torch.optim.

    Adam's epsilon is large here, or it would not notice by which factor the estimate is scaled.
    """
    own = SETTINGS | {"scaling": scaling}
    method, plain = ZOAdam(**own, epsilon=1.0, server_weight_decay=0.1), ZO(**own)
    cohort, state = Cohort((0, 1), (6, 10)), method.begin(engine.model.initial(1))
    theirs = nn.Parameter(state.w.clone())
    optimizer = torch.optim.Adam([theirs], lr=0.01, eps=1.0, weight_decay=0.1)
    for t in range(1, 6):
        state, report = method.round(state, t, cohort, engine, SEEDS)
        zeros = State(torch.zeros(engine.d))
        theirs.grad = -plain.apply(zeros, replace(report.record, lr=1.0), SEEDS).w
        optimizer.step()
        torch.testing.assert_close(state.w, theirs.detach(), rtol=1e-6, atol=1e-6)
    assert (state.w - engine.model.initial(1)).abs().median() > 1e-3


def test_the_rate_of_a_record_is_adam_s(engine):
    """A record says with which rate the step was made: with 0 nothing moves."""
    method, cohort = ZOAdam(**SETTINGS), Cohort((0, 1), (6, 10))
    state = method.begin(engine.model.initial(1))
    record = method.round(state, 1, cohort, engine, SEEDS)[1].record
    still = method.apply(state, replace(record, lr=0.0), SEEDS)
    assert torch.equal(still.w, state.w)
    half = method.apply(state, replace(record, lr=0.005), SEEDS)
    whole = method.apply(state, record, SEEDS)
    torch.testing.assert_close(2 * (half.w - state.w), whole.w - state.w, rtol=1e-4, atol=1e-7)
    assert whole.server["steps"].item() == 1
