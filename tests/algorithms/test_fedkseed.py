"""FedKSeed: every walk lies in the span of K candidates, so K scalars are all there is to know."""

import math

import pytest
import torch
from toys import cohort, linear

from zowarmup.algorithms.engine_protocol import LocalZO
from zowarmup.algorithms.fedavg import visits
from zowarmup.algorithms.fedkseed import FedKSeed
from zowarmup.algorithms.rounds import Cohort, RoundRecord, State
from zowarmup.common.seeds import Seeds

SEEDS = Seeds(0, 5, 3)


def settings(**changed):
    given = {"lr": 0.1, "K": 8, "epochs": 2, "batch": 4, "eps": 1e-2, "tau": 0.75}
    return FedKSeed(**(given | changed))


@pytest.fixture
def engine():
    """Three clients of 6, 10 and 3 images: 2, 3 and 1 steps to an epoch of batch 4."""
    return linear(6, 10, 3)


def walk(method, engine, state, w, t, members):
    """[(model, candidates met, scalars met)] of the clients of a round that starts from w."""
    T = method.steps(max(members.sizes))
    chosen = method.choose(state, t, members.clients, T, SEEDS)
    walks = engine.local_zo_steps(
        w, members.clients, method.candidates(w, SEEDS).take(chosen.flatten()),
        visits(t, members, method.epochs, SEEDS),
        LocalZO(method.batch, method.lr, 1, method.eps, method.tau),
    )  # fmt: skip
    return [
        (w_i, ks[: len(cs)].tolist(), cs.flatten().tolist())
        for (w_i, cs), ks in zip(walks, chosen, strict=True)
    ]


def basis(method, d):
    """The K candidate directions z_k, (K, d) float64."""
    return method.tau * method.candidates(torch.zeros(d), SEEDS).dense.double()


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
@pytest.mark.parametrize("tau", [1.0, 0.5])
def test_a_local_model_is_the_start_less_the_accumulated_scalars(engine, distribution, tau):
    """Acceptance 6: w_i = w - lr sum_k a_k z_k, a_k being all that the client met at k."""
    method = settings(distribution=distribution, tau=tau)
    w, members = engine.model.initial(1), cohort(engine, (0, 1, 2))
    walks = walk(method, engine, method.begin(w), w, 1, members)
    assert [len(cs) for _, _, cs in walks] == [4, 6, 2]
    z = basis(method, engine.d)
    for w_i, ks, cs in walks:
        a = torch.zeros(method.K, dtype=torch.float64)
        a.index_add_(0, torch.tensor(ks), torch.tensor(cs, dtype=torch.float64))
        torch.testing.assert_close(w_i.double(), w.double() - 0.1 * a @ z, rtol=0, atol=1e-6)
        assert (w_i - w).norm() > 0.01


@pytest.mark.parametrize("sampling", ["uniform", "pro"])
@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_rebuilding_equals_applying_the_rounds_one_after_another(engine, distribution, sampling):
    """Acceptance 6: after 12 rounds w is what the mean of the clients' models gives each time."""
    method = settings(distribution=distribution, sampling=sampling)
    state = method.begin(engine.model.initial(1))
    w = state.w.clone()
    for t in range(1, 13):
        members = cohort(engine, [(0, 1, 2), (1,), (0, 2)][t % 3])
        walks = walk(method, engine, state, w, t, members)
        w = sum(p * w_i for p, (w_i, _, _) in zip(members.weights, walks, strict=True))
        state, _ = method.round(state, t, members, engine, SEEDS)
        torch.testing.assert_close(state.w, w, rtol=0, atol=2e-5)
    assert (w - engine.model.initial(1)).norm() > 0.5


def test_a_round_accumulates_by_hand_what_clients_met(engine):
    """A_k = sum_i p_i sum of c at k; the record holds each client's own steps and no more."""
    method, members = settings(), cohort(engine, (0, 1, 2))
    start = method.begin(engine.model.initial(1))
    walks = walk(method, engine, start, start.w, 1, members)
    state, report = method.round(start, 1, members, engine, SEEDS)
    A, met, size = ([0.0] * 8 for _ in range(3))
    for n, (_, ks, cs) in zip((6, 10, 3), walks, strict=True):
        for k, c in zip(ks, cs, strict=True):
            A[k] += n / 19 * c
            met[k] += 1
            size[k] += abs(c)
    assert state.server["A"].tolist() == pytest.approx(A, rel=1e-6)
    assert state.server["met"].tolist() == met
    assert state.server["size"].tolist() == pytest.approx(size, rel=1e-6)
    assert report.record.chosen == [ks for _, ks, _ in walks]
    assert report.record.scalars == [cs for _, _, cs in walks]


def test_drift_is_the_spread_of_the_clients_models(engine):
    method, members = settings(), cohort(engine, (0, 1, 2))
    start = method.begin(engine.model.initial(1))
    local = [w_i.double() for w_i, _, _ in walk(method, engine, start, start.w, 1, members)]
    mean = sum(p * w_i for p, w_i in zip(members.weights, local, strict=True))
    spread = sum(
        p * (w_i - mean).square().sum() for p, w_i in zip(members.weights, local, strict=True)
    )
    _, report = method.round(start, 1, members, engine, SEEDS)
    assert report.drift == pytest.approx(math.sqrt(spread), rel=1e-4)


@pytest.mark.parametrize("sampling", ["uniform", "pro"])
@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_replay_from_the_records_gives_the_bits_of_every_round(engine, distribution, sampling):
    method = settings(distribution=distribution, sampling=sampling)
    state = replica = method.begin(engine.model.initial(1))
    for t in range(1, 9):
        members = cohort(engine, [(0, 1), (2,), (0, 1, 2)][t % 3])
        state, report = method.round(state, t, members, engine, SEEDS)
        replica = method.apply(replica, report.record, SEEDS)
        assert torch.equal(replica.w, state.w)
        assert all(torch.equal(replica.server[name], state.server[name]) for name in state.server)
        assert method.report(members, report.record) == report


def test_who_missed_everything_needs_the_accumulators_alone(engine):
    """From the model at the start of the phase and K numbers the same bits as everybody's."""
    method, w_0 = settings(), engine.model.initial(1)
    state = method.begin(w_0)
    for t in range(1, 6):
        state, _ = method.round(state, t, cohort(engine, (0, 1, 2)), engine, SEEDS)
    late = method.rebuild(w_0, state.server["A"], method.lr, SEEDS)
    assert torch.equal(late, state.w)
    assert torch.equal(state.server["w_0"], w_0)


def test_the_rebuilt_model_by_hand(engine):
    """K = 3 and A = (2, 0, -1): w = w_0 - lr (2 z_0 - z_2)."""
    method, w_0 = settings(K=3, distribution="rademacher"), torch.linspace(-1, 1, 40)
    z = basis(method, 40).float()
    w = method.rebuild(w_0, torch.tensor([2.0, 0.0, -1.0]), 0.5, SEEDS)
    assert torch.equal(w, w_0 - 0.5 * (2 * z[0] - z[2]))


# --- which candidates -----------------------------------------------------------------------


def test_the_candidates_belong_to_the_run_alone():
    """K different keys; fewer candidates are the first of more."""

    def keys(K, seeds):
        return settings(K=K).candidates(torch.zeros(5), seeds).keys

    many = keys(4096, SEEDS)
    assert len(many.unique()) == 4096
    assert torch.equal(keys(100, SEEDS), many[:100])
    assert torch.equal(keys(100, Seeds(7, 7, 3)), many[:100])
    assert not torch.equal(keys(4096, Seeds(0, 5, 4)), many)


def test_uniform_choice_covers_all_candidates_evenly():
    """8,000 draws of 8: each about 1,000 times, standard deviation sqrt(8000 * 1/8 * 7/8) = 30."""
    method = settings()
    chosen = method.choose(method.begin(torch.zeros(1)), 1, range(10), 800, SEEDS)
    assert chosen.shape == (10, 800)
    counts = chosen.flatten().bincount(minlength=8)
    assert len(counts) == 8
    assert (counts - 1000).abs().max() < 4 * 30


def test_choices_are_keyed_by_round_and_client_not_by_position():
    method = settings(K=4096)
    state = method.begin(torch.zeros(1))
    both = method.choose(state, 1, (3, 5), 20, SEEDS)
    assert torch.equal(method.choose(state, 1, (5,), 20, SEEDS)[0], both[1])
    assert torch.equal(method.choose(state, 1, (5,), 7, SEEDS)[0], both[1, :7])
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(method.choose(state, 2, (3, 5), 20, SEEDS), both)
    assert not torch.equal(method.choose(state, 1, (3, 5), 20, Seeds(0, 5, 4)), both)
    assert torch.equal(method.choose(state, 1, (3, 5), 20, Seeds(7, 7, 3)), both)


def with_history(method, met, size):
    server = method.begin(torch.zeros(1)).server
    return State(torch.zeros(1), {**server, "met": torch.tensor(met), "size": torch.tensor(size)})


def test_probabilities_of_pro_by_hand():
    """Means |c| of 3/3, 6/2 and 0/1, the first entry being 0: 1/3, 1 and 0, then the softmax."""
    method = settings(K=3, sampling="pro")
    p = method.probabilities(with_history(method, [2.0, 1.0, 0.0], [3.0, 6.0, 0.0]))
    e = [math.exp(1 / 3), math.e, 1.0]
    assert p.tolist() == pytest.approx([x / sum(e) for x in e], rel=1e-12)


def test_the_mean_of_a_candidate_counts_a_first_entry_of_zero():
    """Met once with 4 and met three times with 4 each: 4/2 and 12/4, not equally likely."""
    method = settings(K=3, sampling="pro")
    p = method.probabilities(with_history(method, [1.0, 3.0, 0.0], [4.0, 12.0, 0.0])).tolist()
    assert p[0] / p[1] == pytest.approx(math.exp(2 / 3 - 1), rel=1e-12)


@pytest.mark.parametrize("size", [[0.0] * 3, [7.0] * 3])
def test_pro_is_uniform_where_nothing_tells_candidates_apart(size):
    method = settings(K=3, sampling="pro")
    p = method.probabilities(with_history(method, [1.0] * 3, size))
    assert p.tolist() == pytest.approx([1 / 3] * 3, rel=1e-12)


def test_choices_of_pro_follow_its_probabilities():
    """20,000 draws with the probabilities by hand, each within four standard deviations."""
    method = settings(K=3, sampling="pro")
    state = with_history(method, [2.0, 1.0, 0.0], [3.0, 6.0, 0.0])
    counts = method.choose(state, 1, range(10), 2000, SEEDS).flatten().bincount(minlength=3)
    for n, p in zip(counts.tolist(), method.probabilities(state).tolist(), strict=True):
        assert abs(n - 20_000 * p) < 4 * math.sqrt(20_000 * p * (1 - p))


def test_a_huge_scalar_counts_as_a_thousand_for_the_choice_alone():
    """CLIP is for the probabilities: the step takes the scalar as it is."""
    method, start = settings(K=2, sampling="pro"), torch.zeros(5)
    scalars = [[-5000.0, 20.0, 3.0]]
    record = RoundRecord(1, [0], [1.0], scalars, 0.1, chosen=[[0, 0, 1]])
    state = method.apply(method.begin(start), record, SEEDS)
    assert state.server["size"].tolist() == [1020.0, 3.0]
    assert state.server["met"].tolist() == [2.0, 1.0]
    assert state.server["A"].tolist() == [-4980.0, 3.0]


# --- costs ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sampling", "K", "up", "down"),
    [
        ("uniform", 4096, [6 * 4, 6 * 6], 60),
        ("uniform", 15, [6 * 4, 6 * 6], 60),
        ("uniform", 14, [6 * 4, 6 * 6], 56),
        ("uniform", 8, [6 * 4, 32], 32),
        ("uniform", 2, [8, 8], 8),
        ("uniform", 65536, [6 * 4, 6 * 6], 60),
        ("uniform", 65537, [8 * 4, 8 * 6], 80),
        ("pro", 8, [6 * 4, 6 * 6], 60),
        ("pro", 2, [6 * 4, 6 * 6], 16),
    ],
)
def test_costs_by_hand(sampling, K, up, down):
    """n = (6, 10), B = 4, E = 2: 4 and 6 steps, as pairs or as K sums of 4 bytes.

    An index has two bytes as long as they are enough. "pro" weighs candidates by their single
    scalars, which sums would hide. Down come the pairs of both clients, or K sums (with "pro" and K
    probabilities) if those are shorter.
    """
    method = settings(K=K, sampling=sampling)
    report = method.report(Cohort((0, 1), (6, 10)), {"drift": 0.0})
    assert report.bytes_up == up
    assert report.bytes_down == [down] * 2
    assert (report.forward, report.backward) == (2 * 2 * 16, 0)


def test_w_is_never_modified(engine):
    start = settings(lr=0.0).begin(engine.model.initial(1))
    before = start.w.clone()
    new, report = settings(lr=0.0).round(start, 1, cohort(engine, (0, 1)), engine, SEEDS)
    assert torch.equal(start.w, before)
    assert torch.equal(new.w, before)
    assert report.drift == 0.0
