"""HeteroFL: with all its parts off it is FedAvg, and its means are those of hand-computed cases."""

import itertools

import pytest
import torch
from torch import nn
from toys import CLASSES, clients, cohort, dealt, random

from zowarmup.algorithms.fedavg import FedAvg, visits
from zowarmup.algorithms.heterofl import HeteroFL
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.engines.plain import Plain
from zowarmup.models.flat import FlatModel
from zowarmup.models.width import narrow
from zowarmup.training import context

SEEDS = Seeds(0, 5, 0)
OFF = {"weight_decay": 0.0, "momentum": 0.0, "clip": 0.0, "scaler": False, "mask": False}


def settings(**changed):
    return HeteroFL(**({"lr": 0.1, "epochs": 2, "batch": 4} | OFF | changed))


def engine_of(kind, network, *sizes):
    model = context.model(network, (1, 4, 4), CLASSES)
    data = clients(*sizes, shape=(1, 4, 4))
    return kind(model, dealt(data), micro_batch=4)


def members_of(sizes, low=()):
    return Cohort(tuple(range(len(sizes))), sizes, frozenset(low))


# --- acceptance 5 ---------------------------------------------------------------------------


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("kind", [Plain, Batched])
@pytest.mark.parametrize(("weighted", "sizes"), [(False, (6, 6, 6, 6)), (True, (6, 10, 3, 6))])
def test_at_rate_1_with_all_its_parts_off_it_is_fedavg(
    kind, network, weighted, sizes, weight_decay
):
    """Bit for bit over three rounds, two clients of four being low-resource; cnn has GroupNorm."""
    engine = engine_of(kind, network, *sizes)
    mine = settings(rate=1.0, weighted=weighted, weight_decay=weight_decay)
    theirs = FedAvg(lr=0.1, epochs=2, batch=4, weight_decay=weight_decay)
    members = members_of(sizes, low=(1, 2))
    state = expected = mine.begin(engine.model.initial(2))
    for t in (1, 2, 3):
        state, report = mine.round(state, t, members, engine, SEEDS)
        expected, costs = theirs.round(expected, t, members, engine, SEEDS)
        assert torch.equal(state.w, expected.w)
        assert (report.bytes_up, report.bytes_down) == (costs.bytes_up, costs.bytes_down)
        assert (report.forward, report.backward) == (costs.forward, costs.backward)
    assert (state.w - engine.model.initial(2)).norm() > 0.1


def test_clients_count_alike_unless_weighted():
    """Of 2 and 10 images: FedAvg with equal weights, which are not those by images."""
    engine, members = engine_of(Plain, "mlp", 2, 10), members_of((2, 10))
    w = State(engine.model.initial(2))
    orders = visits(1, members, 2, SEEDS)
    one, other = engine.local_sgd(w.w, (0, 1), orders, settings().sgd(1))
    alike, _ = settings(rate=1.0).round(w, 1, members, engine, SEEDS)
    torch.testing.assert_close(alike.w, (one + other) / 2, rtol=0, atol=1e-6)
    by_images, _ = settings(rate=1.0, weighted=True).round(w, 1, members, engine, SEEDS)
    torch.testing.assert_close(by_images.w, (one + 5 * other) / 6, rtol=0, atol=1e-6)


# --- two levels by hand ---------------------------------------------------------------------


def two_layers(relative, scale):
    """One input, two hidden channels, two classes, no bias: w = (a_1, a_2, B_11, B_12, ...)."""
    hidden = 2 if relative == 1 else 1
    return nn.Sequential(
        nn.Flatten(), nn.Linear(1, hidden, bias=False), nn.Linear(hidden, 2, bias=False)
    )


def two_clients(*sizes, labels=(0, 1)):
    """Client i has so many images, all 1, and all of one label."""
    with torch.device("meta"):
        model = FlatModel(two_layers(1, 1), two_layers)
    data = [
        (torch.ones(n, 1, 1, 1), torch.full((n,), label))
        for n, label in zip(sizes, labels, strict=True)
    ]
    return Plain(model, dealt(data), micro_batch=8)


W = torch.tensor([1.0, 2.0, 0.0, 0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("weighted", "column"), [(False, [0.0, 0.0]), (True, [0.25, -0.25])], ids=["alike", "weighted"]
)
def test_one_wide_and_one_narrow_client_by_hand(weighted, column):
    """a = (1, 2), B = 0, label 0 for the wide client of 3 images, 1 for the narrow one of 1.

    All logits are 0, so the softmax is (1/2, 1/2), and a has no gradient as B = 0. With lr 1 the
    wide client's B goes by -(p - y) a' to [[1/2, 1], [-1/2, -1]], the narrow one's first column,
    at a_1 = 1, to (-1/2, 1/2). The first column becomes their mean, (0, 0), or 3/4 and 1/4 of
    them, (1/4, -1/4); the second is the wide client's.
    """
    engine = two_clients(3, 1)
    method = settings(lr=1.0, epochs=1, rate=0.5, weighted=weighted)
    new, _ = method.round(State(W), 1, members_of((3, 1), low=(1,)), engine, SEEDS)
    expected = torch.tensor([1.0, 2.0, column[0], 1.0, column[1], -1.0])
    torch.testing.assert_close(new.w, expected, rtol=0, atol=1e-6)


def test_what_nobody_holds_stays_bit_for_bit():
    """Only the narrow client: its gradient moves the first column, all else has the old bits."""
    engine, w = two_clients(3, 1), W + 0.1
    method = settings(lr=1.0, rate=0.5)
    new, _ = method.round(State(w), 1, Cohort((1,), (1,), frozenset({1})), engine, SEEDS)
    inside = torch.tensor([True, False, True, False, True, False])
    assert torch.equal(new.w[~inside], w[~inside])
    assert (new.w != w)[inside].all()


def test_the_mask_keeps_rows_of_absent_classes_to_their_owners():
    """The same two clients: each trains with its own class alone, the other's logit being 0.

    The softmax is still (1/2, 1/2) at the start, but only the logit of the own class has a
    gradient: the wide client's row 1 goes to (1/2, 1), the narrow one's row 2 to 1/2 in the first
    column. Nobody else counts in these rows, so they are no means.
    """
    engine = two_clients(3, 1)
    method = settings(lr=1.0, epochs=1, rate=0.5, mask=True)
    new, _ = method.round(State(W), 1, members_of((3, 1), low=(1,)), engine, SEEDS)
    expected = torch.tensor([1.0, 2.0, 0.5, 1.0, 0.5, 0.0])
    torch.testing.assert_close(new.w, expected, rtol=0, atol=1e-6)


def test_rows_of_a_class_that_nobody_has_stay_bit_for_bit():
    """Both clients have class 0 alone; row 2 keeps its bits, row 1 is the mean of both."""
    engine, w = two_clients(3, 1, labels=(0, 0)), W + 0.1
    method = settings(lr=1.0, epochs=1, rate=0.5, mask=True)
    new, _ = method.round(State(w), 1, members_of((3, 1), low=(1,)), engine, SEEDS)
    assert torch.equal(new.w[4:], w[4:])
    assert (new.w != w)[:4].all()


# --- two levels of a network ----------------------------------------------------------------


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("mask", [False, True])
def test_every_element_is_the_mean_over_who_holds_it(network, mask):
    """Element by element from the clients' models and a list of holders."""
    sizes, low = (2, 6, 3, 1), (1, 3)
    engine = engine_of(Plain, network, *sizes)
    method, members = settings(rate=0.5, mask=mask), members_of(sizes, low)
    w = engine.model.initial(2)
    part = narrow(engine.model, 0.5, 1.0)
    orders, sgd = visits(1, members, 2, SEEDS), method.sgd(1)
    total, count = torch.zeros_like(w), torch.zeros_like(w)
    for i in range(4):
        inside = part.index if i in low else torch.arange(engine.d)
        own = engine.with_model(part.model) if i in low else engine
        [w_i] = own.local_sgd(w[inside], (i,), orders[[i]], sgd)
        held = torch.zeros(engine.d, dtype=torch.bool)
        held[inside] = True
        for view in list(engine.model.views(held))[-2:] if mask else ():
            for c in set(range(CLASSES)) - set(engine.data[i].y.tolist()):
                view[c] = False
        full = w.clone()
        full[inside] = w_i
        total += torch.where(held, full, 0.0)
        count += held
    new, _ = method.round(State(w), 1, members, engine, SEEDS)
    expected = torch.where(count > 0, total / count.clamp(min=1), w)
    torch.testing.assert_close(new.w, expected, rtol=0, atol=1e-6)
    assert {1, 2, 4} <= set(count.tolist()) or not mask
    outside = torch.ones(engine.d, dtype=torch.bool)
    outside[part.index] = False
    assert 0.4 < outside.double().mean() < 0.8


def test_the_scaler_and_the_clip_reach_the_clients():
    """Each setting changes the round, the scaler only where somebody is narrow."""
    engine = engine_of(Plain, "cnn", 6, 6)
    w = engine.model.initial(2)

    def trained(low=(1,), **changed):
        method = settings(rate=0.5, **changed)
        return method.round(State(w), 1, members_of((6, 6), low), engine, SEEDS)[0].w

    for changed in ({"scaler": True}, {"clip": 0.1}, {"momentum": 0.9}, {"weight_decay": 0.1}):
        assert not torch.equal(trained(), trained(**changed)), changed
    assert torch.equal(trained(low=()), trained(low=(), scaler=True))


@pytest.mark.parametrize("mask", [False, True])
def test_local_training_is_that_of_torch_optim(mask):
    """One client of two classes: clipped gradients, then SGD with momentum and weight decay.

    Masked, the logits of the two classes that it lacks are 0, and their rows stay as they are.
    """
    engine = engine_of(Plain, "cnn", 2)
    method = settings(rate=0.5, mask=mask, momentum=0.8, clip=0.3, weight_decay=0.05, batch=1)
    w, members, images = engine.model.initial(2), members_of((2,)), engine.data[0]
    x, y = images.x(), images.y
    module = engine.model.module(w)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.8, weight_decay=0.05)
    present = torch.tensor([c in y for c in range(CLASSES)])
    for rows in visits(1, members, 2, SEEDS)[0].flatten().split(1):
        optimizer.zero_grad()
        logits = module(x[rows])
        logits = logits.where(present, 0.0) if mask else logits
        nn.functional.cross_entropy(logits, y[rows]).backward()
        assert nn.utils.clip_grad_norm_(module.parameters(), 0.3) > 0.3
        optimizer.step()
    expected = engine.model.flatten(dict(module.named_parameters())).detach()
    for view, old in zip(
        list(engine.model.views(expected))[-2:], list(engine.model.views(w))[-2:], strict=True
    ):
        if mask:
            view[~present] = old[~present]
    new, _ = method.round(State(w), 1, members, engine, SEEDS)
    torch.testing.assert_close(new.w, expected, rtol=1e-5, atol=1e-6)


def test_engines_agree_on_both_widths():
    plain, batched = (engine_of(kind, "mlp", 6, 10, 3, 6) for kind in (Plain, Batched))
    method = settings(rate=0.5, mask=True, momentum=0.9, clip=1.0, weight_decay=5e-4, scaler=True)
    members, w = members_of((6, 10, 3, 6), low=(0, 3)), plain.model.initial(2)
    one, other = (
        method.round(State(w), 1, members, engine, SEEDS)[0].w for engine in (plain, batched)
    )
    torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_clients_do_the_same_whoever_else_takes_part():
    """A narrow client alone moves its elements as it does beside a wide one, at half its share."""
    engine = engine_of(Plain, "mlp", 6, 6)
    w, method = engine.model.initial(2), settings(rate=0.5, lr=0.3)
    alone, both, wide = (
        method.round(State(w), 1, cohort(engine, who, low=(1,)), engine, SEEDS)[0].w
        for who in ((1,), (0, 1), (0,))
    )
    inside = narrow(engine.model, 0.5, 1.0).index
    torch.testing.assert_close(both[inside], (alone[inside] + wide[inside]) / 2, rtol=0, atol=1e-6)


# --- rates and costs ------------------------------------------------------------------------


def test_the_rate_falls_after_its_milestones():
    """As torch's MultiStepLR, whose step is made at the end of a round."""
    method = settings(lr=0.1, milestones=(2, 4), gamma=0.5)
    optimizer = torch.optim.SGD([nn.Parameter(random(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4], gamma=0.5)
    for t in range(1, 7):
        assert method.sgd(t).lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        optimizer.step()
        schedule.step()
    assert [method.sgd(t).lr for t in (1, 2, 3, 4, 5)] == [0.1, 0.1, 0.05, 0.05, 0.025]


def test_costs_by_hand():
    """mlp of 16 inputs, 4 classes: 32 hidden are 676 parameters, 16 hidden 340."""
    engine = engine_of(Plain, "mlp", 6, 10, 3)
    method = settings(rate=0.5, epochs=3)
    members = members_of((6, 10, 3), low=(0, 2))
    _, report = method.round(State(engine.model.initial(2)), 1, members, engine, SEEDS)
    assert engine.d == 16 * 32 + 32 + 32 * 4 + 4 == 676
    assert report.bytes_up == report.bytes_down == [4 * 340, 4 * 676, 4 * 340]
    assert 16 * 16 + 16 + 16 * 4 + 4 == 340
    assert (report.forward, report.backward) == (3 * 19, 3 * 19)
    assert report.record is None


def test_w_is_left_as_it_is():
    engine = engine_of(Plain, "mlp", 6, 6)
    w = engine.model.initial(2)
    before = w.clone()
    for low, mask in itertools.product([(), (1,), (0, 1)], [False, True]):
        settings(mask=mask).round(State(w), 1, members_of((6, 6), low), engine, SEEDS)
        assert torch.equal(w, before)
