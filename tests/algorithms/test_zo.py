"""The zeroth-order round against exact identities: w is what the mathematics says, not roughly."""

import itertools
import math

import pytest
import torch

from zowarmup.algorithms import zo
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.models import directions
from zowarmup.models.directions import Directions, draw

A = torch.tensor([[3.0, 1.0, 0.0], [1.0, 2.0, 0.5], [0.0, 0.5, 1.0]], dtype=torch.float64)
W = torch.tensor([0.5, -1.0, 2.0])
TAU = 0.75


def settings(**changed):
    defaults = {
        "lr": 0.1,
        "S": 3,
        "eps": 0.1,
        "tau": TAU,
        "distribution": "rademacher",
        "scaling": "paper",
        "estimator": "two_point",
        "shared_directions": False,
    }
    return ZO(**(defaults | changed))


class Fixed(Directions):
    """Directions given as a matrix instead of drawn."""

    def __new__(cls, u):
        made = object.__new__(cls)
        vars(made).update(keys=torch.arange(len(u)), d=u.shape[1], distribution="", dense=u)
        return made

    def __init__(self, u):
        pass


class Quadratic:
    """Every client's loss is 0.5 w'Aw times its factor; losses in float64, w untouched."""

    def __init__(self, matrix, factors=(1.0,)):
        self.matrix, self.factors, self.d = matrix, factors, len(matrix)

    def with_moves(self, moves):
        return self

    def loss(self, w, client):
        w = w.double()
        return self.factors[client] * 0.5 * (w @ self.matrix @ w)

    def two_point(self, w, clients, directions, radius):
        S = len(directions.keys) // len(clients)
        losses = torch.empty(len(clients), S, 2, dtype=torch.float64)
        for (i, client), s in itertools.product(enumerate(clients), range(S)):
            u = directions.row(i * S + s).double()
            losses[i, s, 0] = self.loss(w.double() + radius * u, client)
            losses[i, s, 1] = self.loss(w.double() - radius * u, client)
        return losses

    def directional_derivatives(self, w, clients, directions):
        S = len(directions.keys) // len(clients)
        gradients = [f * (self.matrix @ w.double()) for f in self.factors]
        rows = [directions.row(j).double() for j in range(len(directions.keys))]
        return torch.tensor([[gradients[i] @ rows[i * S + s] for s in range(S)] for i in clients])


def all_signs(d):
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=d)))


def steps_over(method, u, engine, cohort, monkeypatch):
    """One round from W with given directions; returns the step (w - w') / lr."""
    monkeypatch.setattr(zo, "draw", lambda *a, **k: Fixed(u))
    new, report = method.round(State(W), 1, cohort, engine, Seeds(0, 0, 0))
    return (W - new.w) / method.lr, report


@pytest.mark.parametrize("estimator", ["two_point", "directional"])
@pytest.mark.parametrize(("scaling", "factor"), [("paper", TAU**2), ("unbiased", 1.0)])
def test_mean_over_all_signs_is_the_gradient(monkeypatch, scaling, factor, estimator):
    """Central differences are exact on a quadratic, so the mean over all 2^d signs is tau^2 A w.

    sum over u in {-1, 1}^d of (u'g) u = 2^d g, with no sampling error at all.
    """
    method = settings(S=8, scaling=scaling, estimator=estimator)
    step, _ = steps_over(method, all_signs(3), Quadratic(A), Cohort((0,), (5,)), monkeypatch)
    torch.testing.assert_close(step, (factor * A @ W.double()).float(), rtol=1e-5, atol=1e-5)


def test_two_clients_by_hand(monkeypatch):
    """Loss i is f_i * w'w / 2 with f = (1, 2), n = (1, 3), S = 1, u_0 = (1, 1), u_1 = (1, -1).

    w = (0.5, -1): g_i = f_i w. c_i = tau u_i'g_i: c_0 = tau * (-0.5), c_1 = tau * 2 * 1.5 = 3 tau.
    step = p_0 c_0 tau u_0 + p_1 c_1 tau u_1, p = (1/4, 3/4):
         = tau^2 [(-0.125)(1, 1) + 2.25 (1, -1)] = tau^2 (2.125, -2.375).
    """
    u = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    monkeypatch.setattr(zo, "draw", lambda *a, **k: Fixed(u))
    engine = Quadratic(torch.eye(2, dtype=torch.float64), factors=(1.0, 2.0))
    w = torch.tensor([0.5, -1.0])
    new, report = settings(S=1, lr=0.2).round(
        State(w), 9, Cohort((0, 1), (1, 3)), engine, Seeds(0, 0, 0)
    )
    expected = w - 0.2 * TAU**2 * torch.tensor([2.125, -2.375])
    torch.testing.assert_close(new.w, expected, rtol=1e-6, atol=1e-6)
    assert report.record.weights == [0.25, 0.75]
    assert report.record.scalars == [[pytest.approx(-0.375)], [pytest.approx(2.25)]]
    assert (report.bytes_up, report.bytes_down) == ([4, 4], [2 * 4, 2 * 4])
    assert (report.forward, report.backward) == (2 * 4, 0)


@pytest.mark.parametrize(
    "distribution", ["rademacher", pytest.param("gaussian", marks=pytest.mark.long)]
)
def test_mean_over_seeds_is_the_gradient_with_the_predicted_error(distribution):
    """Acceptance 1: the mean of 10,000 seeded steps is tau^2 A w within 3 standard errors.

    For P directions E|g_hat/tau^2 - g|^2 = (d -+ 1)/P |g|^2, minus for Rademacher. Checked at
    d = 40, where the ratio of the mean square error to theory lies in [.9, 1.1].
    """
    d, n = 40, 10_000
    matrix = torch.diag(torch.linspace(0.5, 2.0, d, dtype=torch.float64))
    w = torch.ones(d)
    g = matrix @ w.double()
    method = settings(S=1, eps=1e-2, distribution=distribution)
    engine, cohort = Quadratic(matrix), Cohort((0,), (1,))
    estimates = torch.empty(n, d, dtype=torch.float64)
    for seed in range(n):
        directions = method.directions(1, (0,), d, Seeds(0, 0, seed), w.device)
        c = method.scalars(w, cohort, engine, directions)[0, 0].double()
        estimates[seed] = c * TAU * directions.row(0).double()
    error = estimates.mean(0) - TAU**2 * g
    assert (error.abs() < 3 * estimates.std(0) / math.sqrt(n)).double().mean() > 0.97
    assert error.norm() < 3 * TAU**2 * g.norm() * math.sqrt(d / n)
    mse = ((estimates / TAU**2 - g) ** 2).sum(1).mean()
    theory = (d - 1 if distribution == "rademacher" else d + 1) * g @ g
    assert 0.9 < mse / theory < 1.1


def test_error_falls_as_one_over_S():
    """Acceptance 10: with distinct seeds for every s the variance is that of one divided by S.

    A bug that reuses one direction for all s leaves it as it is.
    """
    d, w = 30, torch.ones(30)
    engine, cohort = Quadratic(torch.eye(d, dtype=torch.float64)), Cohort((0,), (1,))

    def mse(S, seeds=1500):
        method = settings(S=S, lr=1.0, scaling="unbiased")
        states = (
            method.round(State(w), 1, cohort, engine, Seeds(0, 0, seed))[0] for seed in range(seeds)
        )
        news = torch.stack([state.w for state in states])
        return (news.double() ** 2).sum(1).mean().item()  # w - g = 0

    one = mse(1)
    assert one == pytest.approx((d - 1) * d, rel=0.1)
    assert mse(2) == pytest.approx(one / 2, rel=0.1)
    assert mse(5) == pytest.approx(one / 5, rel=0.1)


def test_w_is_never_modified():
    """Acceptance 4: probing leaves w as it is, and with lr = 0 the round returns its bits."""
    before = W.clone()
    new, _ = settings(lr=0.0).round(State(W), 1, Cohort((0,), (5,)), Quadratic(A), Seeds(0, 0, 0))
    assert torch.equal(W, before)
    assert torch.equal(new.w, before)


def test_difference_error_falls_with_eps_squared():
    """On a cubic the central difference errs by eps^2 L'''/6: slope 2 in log-log."""

    class Cubic(Quadratic):
        def loss(self, w, client):
            return (w.double() ** 3).sum()

    u = torch.ones(1, 3)
    errors = []
    for eps in (0.4, 0.2, 0.1):
        losses = Cubic(A).two_point(W, (0,), Fixed(u), radius=eps)[0, 0]
        errors.append(((losses[0] - losses[1]) / (2 * eps) - (3 * W.double() ** 2).sum()).item())
    assert errors == pytest.approx([3 * 0.4**2, 3 * 0.2**2, 3 * 0.1**2], rel=1e-9)


def test_replay_from_the_record_gives_the_bits_of_the_round():
    method, seeds, cohort = settings(), Seeds(0, 0, 3), Cohort((0, 1), (5, 7))
    new, report = method.round(State(W), 4, cohort, Quadratic(A, (1.0, 3.0)), seeds)
    assert torch.equal(method.apply(State(W), report.record, seeds).w, new.w)
    assert method.report(cohort, report.record) == report


def test_update_is_the_sequential_float32_sum_in_order():
    """Bit for bit the sum that a reader would write as a loop."""
    method, cohort = settings(S=4, lr=0.3), Cohort(tuple(range(6)), (3,) * 6)
    w = torch.linspace(-1, 1, 300)
    directions = method.directions(2, cohort.clients, 300, Seeds(0, 0, 0), w.device)
    a = [0.1 * (j + 1) / 7 for j in range(24)]
    total = torch.zeros(300)
    for j in range(24):
        total = total + torch.tensor(a[j] * TAU).float() * directions.row(j)
    expected = w - 0.3 * total
    assert torch.equal(zo.step(w, a, directions, scale=TAU, lr=0.3), expected)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize(("d", "chunk"), [(5_000, None), (5_000, 96), (300_001, None)])
def test_the_step_in_pieces_is_the_step_as_a_whole(distribution, d, chunk, monkeypatch):
    """Bit for bit w - lr * sum of whole vectors, for chunks off the 64 entries of a word too."""
    w, a = torch.linspace(-1, 1, d), [0.3, -0.0, -1e-3, 7.0, 1e-42]
    u = draw(0, 1, range(5), 1, d, distribution=distribution)
    total = torch.zeros(d)
    for a_j, u_j in zip(a, u.part(slice(None), 0, d), strict=True):
        total.add_(u_j, alpha=a_j * TAU)
    if chunk:
        monkeypatch.setattr(directions, "DENSE", 0)
        monkeypatch.setitem(directions.CHUNK, "cpu", chunk)
    assert torch.equal(zo.combine(a, u, w, scale=TAU), total)
    assert torch.equal(zo.step(w, a, u, scale=TAU, lr=0.3), w - 0.3 * total)


def test_a_client_with_a_non_finite_scalar_is_dropped():
    """Its record says so, the weights of the others add up to one, w stays finite."""
    scalars = torch.tensor([[1.0, 2.0], [float("nan"), 0.0], [3.0, 4.0]])
    record = zo.make_record(1, Cohort((2, 5, 7), (10, 20, 30)), scalars, lr=0.1)
    assert record.dropped == [5]
    assert record.weights == [0.25, 0.0, 0.75]
    assert record.scalars[1] == [0.0, 0.0]
    nothing = zo.make_record(1, Cohort((5,), (20,)), scalars[1:2], lr=0.1)
    assert nothing.weights == [0.0]


def test_shared_directions_add_up_to_one_gradient():
    """With shared directions, two equal halves of a client send what the whole would send."""
    whole = settings(shared_directions=True).round(
        State(W), 1, Cohort((0,), (8,)), Quadratic(A), Seeds(0, 0, 0)
    )[0]
    halves = settings(shared_directions=True).round(
        State(W), 1, Cohort((0, 1), (4, 4)), Quadratic(A, (1.0, 1.0)), Seeds(0, 0, 0)
    )[0]
    torch.testing.assert_close(whole.w, halves.w, rtol=1e-5, atol=1e-6)
