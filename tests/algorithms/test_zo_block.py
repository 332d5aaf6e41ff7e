"""Directions in one layer each, their allotment, and Adam with a smoothed second moment."""

from dataclasses import replace

import pytest
import torch
import toys

from zowarmup.algorithms.optimizers.blocks import allocation, allotted, edges_of
from zowarmup.algorithms.optimizers.zo_adam_smooth import ZOAdamSmooth
from zowarmup.algorithms.optimizers.zo_block import ZOBlock
from zowarmup.algorithms.optimizers.zo_scalar_moment import ZOScalarMoment
from zowarmup.algorithms.rounds import Cohort, RoundRecord, State
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_adam import ZOAdam
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.models.directions import draw

SEEDS = Seeds(0, 5, 3)
COHORT = Cohort((0, 1), (6, 10))
SETTINGS = {"lr": 0.05, "S": 6, "eps": 1e-3}


def engine_of(kind=Plain):
    """Two layers of 9 x 5 + 5 and 5 x 4 + 4 parameters, and two clients of 6 and 10 images."""
    return toys.named(6, 10, hidden=5, kind=kind)


def rounds(method, engine, number=6):
    """The states after each round, and their records."""
    states, reports = toys.rounds(method, engine, [COHORT] * number, SEEDS)
    return states, [report.record for report in reports]


# --- directions with zeros ------------------------------------------------------------------


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_a_direction_is_zero_outside_of_its_span(distribution):
    """For any piece of any rows; inside it is the direction without spans."""
    whole = draw(1, 2, (0, 3), 2, 200, distribution=distribution)
    spans = torch.tensor([[0, 70], [70, 200], [0, 200], [199, 200]])
    cut = replace(whole, spans=spans)
    for j, (first, last) in enumerate(spans.tolist()):
        expected = torch.zeros(200)
        expected[first:last] = whole.row(j)[first:last]
        assert torch.equal(cut.row(j), expected)
        assert torch.equal(cut.part(slice(j, j + 1), 60, 150)[0], expected[60:150])
    assert torch.equal(cut.take(torch.tensor([3, 1])).dense, cut.dense[[3, 1]])


# --- blocks ---------------------------------------------------------------------------------


def test_a_block_is_a_layer():
    assert edges_of(engine_of().model) == [0, 50, 74]


def test_the_allocation_by_hand():
    """sqrt(d G) of 4 x 9 and 16 x 1: 6 and 4; a floor of 0.2 adds 0.1 to 0.8 times the share."""
    edges = [0, 4, 20]
    assert allocation(torch.tensor([9.0, 1.0]).double(), edges, 0.2) == pytest.approx([0.58, 0.42])
    first = allocation(torch.empty(0), edges, 0.2)
    assert first == pytest.approx([0.8 * 0.2 + 0.1, 0.8 * 0.8 + 0.1])
    unknown = torch.tensor([8.0, torch.nan]).double()  # 2 for each parameter, so 32
    assert allocation(unknown, edges, 1e-9) == pytest.approx([0.2, 0.8])
    assert allocation(torch.zeros(2).double(), edges, 0.2) == pytest.approx(first)


def test_the_allocation_has_the_least_second_moment():
    """sum d G / pi at pi is below that of any pi nearby."""
    G, edges = torch.tensor([0.3, 5.0, 1.0]).double(), [0, 10, 12, 40]
    d, pi = torch.tensor(edges).diff(), torch.tensor(allocation(G, edges, 1e-9))
    least = (d * G / pi).sum()
    for move in ([0.01, -0.01, 0], [0, 0.01, -0.01], [-0.01, 0, 0.01]):
        assert (d * G / (pi + torch.tensor(move))).sum() > least


def test_directions_are_allotted_in_proportion():
    """Each round within 1 of n pi; over rounds every direction has the probabilities pi."""
    pi, n = [0.5, 0.3, 0.15, 0.05], 30
    of_round = torch.stack([allotted(t, n, pi, SEEDS) for t in range(400)])
    for blocks in of_round:
        counts = blocks.bincount(minlength=4)
        assert (counts - n * torch.tensor(pi)).abs().max() < 1
    first = of_round[:, 0].bincount(minlength=4) / 400
    torch.testing.assert_close(first, torch.tensor(pi), rtol=0, atol=0.08)


def test_the_estimate_is_unbiased():
    """E[step] = tau^2 g: the mean step of many rounds at one model points along the gradient."""
    engine = engine_of()
    w, total, n = engine.model.initial(1), torch.zeros(engine.d), 600
    method = ZOBlock(lr=1.0, S=10, eps=1e-3, floor=1.0)
    for t in range(1, n + 1):
        total += w - method.round(method.begin(w), t, COHORT, engine, SEEDS)[0].w
    g = sum(p * g_i for p, g_i in zip(COHORT.weights, engine.each_gradient(w, (0, 1)), strict=True))
    error = total / n / 0.75**2 - g
    assert error.norm() < 0.25 * g.norm()
    for part in (slice(50), slice(50, None)):
        assert error[part].norm() < 0.4 * g[part].norm()


def test_one_block_is_zo():
    """A network of one layer: pi is 1, and the steps have the bits of ZO."""
    engine = toys.named(6, 10)
    states, records = rounds(ZOBlock(**SETTINGS), engine)
    expected, _ = rounds(ZO(**SETTINGS), engine)
    assert all(torch.equal(a.w, b.w) for a, b in zip(states, expected, strict=True))
    assert records[0].pi == [1.0]
    assert records[0].edges == [0, 40]


def test_pi_follows_the_scalars_of_earlier_rounds():
    """The first pi by size; the next from G, by hand, and G with its memory."""
    states, records = rounds(ZOBlock(**SETTINGS, floor=0.2, memory=0.5), engine_of(), 2)
    assert records[0].pi == pytest.approx([0.8 * 50 / 74 + 0.1, 0.8 * 24 / 74 + 0.1])
    squares = torch.tensor(records[0].scalars).double().square().flatten()
    blocks = allotted(1, 12, records[0].pi, SEEDS)
    G = torch.stack([squares[blocks == b].mean() for b in (0, 1)])
    torch.testing.assert_close(states[0].server["G"], G)
    assert records[1].pi == allocation(G, [0, 50, 74], 0.2)
    squares = torch.tensor(records[1].scalars).double().square().flatten()
    blocks = allotted(2, 12, records[1].pi, SEEDS)
    G = 0.5 * G + 0.5 * torch.stack([squares[blocks == b].mean() for b in (0, 1)])
    torch.testing.assert_close(states[1].server["G"], G)


@pytest.mark.parametrize(("normalise", "sizes"), [("block", 2), ("scalar", 1)])
def test_a_normalised_step_has_the_size_lr(normalise, sizes):
    """With one direction in each layer the first step's mean square is lr^2, by layer or in all."""
    engine = engine_of()
    method, w = ZOBlock(lr=0.01, S=1, eps=1e-3, normalise=normalise), engine.model.initial(1)
    pi = allocation(torch.empty(0), [0, 50, 74], 0.2)
    t = next(t for t in range(1, 99) if allotted(t, 2, pi, SEEDS).sum() == 1)
    step = w - method.round(method.begin(w), t, COHORT, engine, SEEDS)[0].w
    for part in step.split([50, 24]) if sizes == 2 else [step]:
        assert part.square().mean().sqrt().item() == pytest.approx(0.01, rel=1e-4)


METHODS = [
    ZOBlock(**SETTINGS, normalise="block", average="mean"),
    ZOBlock(**SETTINGS, normalise="scalar", shared_directions=True, distribution="gaussian"),
    ZOBlock(**SETTINGS, estimator="directional"),
    ZOAdamSmooth(**SETTINGS, second_moment="momentum"),
]


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_replay_gives_the_bits_of_every_round(method):
    """From records as a journal holds them; every tensor of the server's state as well."""
    engine = engine_of()
    states, records = rounds(method, engine)
    replica = method.begin(engine.model.initial(1))
    for state, own in zip(states, records, strict=True):
        replica = method.apply(replica, RoundRecord.from_json(own.to_json()), SEEDS)
        assert torch.equal(replica.w, state.w)
        for name, kept in replica.server.items():
            assert torch.equal(kept, state.server[name])


@pytest.mark.parametrize("kind", [Layerwise, Batched, Vmap])
def test_every_engine_computes_the_same_scalars(kind):
    """Layerwise to the bit, the others up to rounding."""
    method = ZOBlock(**SETTINGS)
    plain, other = (rounds(method, engine_of(k), 1)[1][0].scalars for k in (Plain, kind))
    if kind is Layerwise:
        assert other == plain
    torch.testing.assert_close(torch.tensor(other), torch.tensor(plain), rtol=1e-3, atol=2e-3)


# --- Adam with a smoothed second moment ------------------------------------------------------

OWN = {"lr": 0.01, "S": 2, "eps": 1e-3, "server_weight_decay": 0.0}


def test_smoothing_by_hand():
    """v of 1 and 3 and a share of 1/2: 1.5 and 2.5."""
    method = ZOAdamSmooth(lr=1.0, rho=0.5)
    assert method.smoothed(torch.tensor([1.0, 3.0])).tolist() == [1.5, 2.5]


def test_a_share_of_next_to_nothing_is_adam():
    engine = engine_of()
    states, _ = rounds(ZOAdamSmooth(**OWN, rho=1e-12), engine)
    expected, _ = rounds(ZOAdam(**OWN), engine)
    torch.testing.assert_close(states[-1].w, expected[-1].w)


def test_the_whole_mean_is_a_scalar_moment():
    """rho 1 without momentum: the exact mean square in place of the one from the scalars."""
    engine = engine_of()
    method = ZOAdamSmooth(**OWN, rho=1.0, beta1=0.0, beta2=0.9, epsilon=1e-12)
    w = engine.model.initial(1)
    state, report = method.round(method.begin(w), 1, COHORT, engine, SEEDS)
    zo = ZO(lr=1.0, S=2, eps=1e-3)
    g = -zo.apply(State(torch.zeros_like(w)), replace(report.record, lr=1.0), SEEDS).w
    torch.testing.assert_close(w - state.w, 0.01 * g / g.square().mean().sqrt())
    scalar = ZOScalarMoment(lr=0.01, S=2, eps=1e-3, winsor=0.0)
    other = scalar.apply(scalar.begin(w), report.record, SEEDS)
    cosine = torch.cosine_similarity(w - other.w, w - state.w, dim=0)
    assert cosine.item() == pytest.approx(1, abs=1e-5)


def test_the_moment_of_the_momentum():
    """After one step m = (1 - beta1) g, so v is smaller by (1 - beta1)^2."""
    engine = engine_of()
    one, _ = rounds(ZOAdamSmooth(**OWN), engine, 1)
    other, _ = rounds(ZOAdamSmooth(**OWN, second_moment="momentum"), engine, 1)
    torch.testing.assert_close(other[0].server["v"], 0.01 * one[0].server["v"])
