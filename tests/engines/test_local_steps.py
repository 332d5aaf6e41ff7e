"""Local steps of the engines: SGD is torch.optim.SGD, a walk is a sequence of probes."""

from dataclasses import replace

import pytest
import torch
from clients import (
    CLIENTS,
    EPS,
    FULL,
    SIZES,
    TAU,
    S,
    directions_of,
    make_data,
    make_model,
    orders,
    stepped,
    steps_of,
    trained,
)
from torch.nn.functional import cross_entropy
from toys import dealt

from zowarmup.algorithms import zo
from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.engines.batched import Batched
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.local_steps import batches
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.models.directions import Directions

pytestmark = pytest.mark.usefixtures("one_thread")
every_engine = pytest.mark.parametrize("engine", [Plain, Layerwise, Batched, Vmap])
SETTINGS = {
    "momentum": SGD(5, 0.1, momentum=0.9),
    "decay and momentum": SGD(5, 0.1, weight_decay=0.1, momentum=0.9),
    "clip": SGD(5, 0.1, clip=0.5),
    "no need to clip": SGD(5, 0.1, momentum=0.5, clip=1e3),
    "all": FULL,
}


def by_torch(model, w, x, y, order, sgd, masked):
    """The client's model after the same steps of a module with PyTorch's own optimizer."""
    module = model.module(w)
    decay, momentum = sgd.weight_decay, sgd.momentum
    optimizer = torch.optim.SGD(module.parameters(), sgd.lr, momentum, weight_decay=decay)
    seen = torch.zeros(10).index_fill(0, y, 1.0)
    for epoch in order:
        for rows in epoch[epoch < len(y)].split(sgd.batch):
            optimizer.zero_grad()
            score = module(x[rows])
            cross_entropy(score * seen if masked else score, y[rows]).backward()
            if sgd.clip:
                torch.nn.utils.clip_grad_norm_(module.parameters(), sgd.clip)
            optimizer.step()
    return model.flatten(dict(module.named_parameters())).detach()


@every_engine
@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("masked", [False, True], ids=["all classes", "masked"])
@pytest.mark.parametrize("sgd", SETTINGS.values(), ids=SETTINGS)
def test_sgd_equals_torch_optim(engine, network, masked, sgd):
    model, data = make_model(network), make_data()
    w = model.initial(0)
    found = trained(engine(model, dealt(data), 64), w, sgd=sgd, masked=masked)
    for w_i, client, order in zip(found, CLIENTS, orders(CLIENTS), strict=True):
        expected = by_torch(model, w, *data[client], order, sgd, masked)
        torch.testing.assert_close(w_i, expected, rtol=1e-5, atol=2e-6)


def test_clipping_to_a_small_norm_limits_a_step():
    """One step from w moves by lr min(|g|, clip), up to the 1e-6 beside the norm."""
    model, data = make_model("mlp"), make_data([12])
    w = model.initial(0)
    for engine in (Plain, Batched, Vmap):
        for clip, moved in ((0.01, 0.1 * 0.01), (0.0, None)):
            order = torch.arange(12).view(1, 1, 12)
            (w_1,) = engine(model, dealt(data), 64).local_sgd(
                w, [0], order, SGD(12, 0.1, clip=clip)
            )
            distance = (w_1.double() - w.double()).norm().item()
            assert distance == pytest.approx(moved, rel=1e-3) if moved else distance > 0.02


@every_engine
def test_masked_training_leaves_rows_of_absent_classes_as_they_are(engine):
    """Their logits are constants, so their weights have no gradient; unmasked, all rows move."""
    model, data = make_model("mlp"), make_data()
    members, w = engine(model, dealt(data), 64), model.initial(0)
    absent, sgd = ~members.labels(CLIENTS), replace(FULL, weight_decay=0.0)
    last = [slice(-10 - 320, -10), slice(-10, None)]  # the weight (10, 32) and the bias
    for masked in (True, False):
        for w_i, none in zip(trained(members, w, sgd=sgd, masked=masked), absent, strict=True):
            assert none.any()
            for part in last:
                moved = (w_i[part] != w[part]).view(10, -1).any(1)
                assert torch.equal(moved, ~none if masked else torch.ones_like(none))


def test_batches_of_a_smaller_client():
    """Two epochs of three of five images in twos: numbers from 3 on are left out."""
    order = torch.tensor([[4, 2, 0, 3, 1], [1, 3, 4, 0, 2]])
    one = dealt([(torch.zeros(3, 1, 1, 1), torch.arange(3))])
    assert [some.y.tolist() for some in batches(one * 2, order, 2)] == [[2, 0], [1], [1, 0], [2]]
    two = [one[0].each(lambda of: of.expand(2, -1))]
    both = [some.y.tolist() for some in batches(two * 2, torch.stack((order, order.flip(0))), 2)]
    assert both == [[[2, 0], [1, 0]], [[1], [2]], [[1, 0], [2, 0]], [[2], [1]]]


@every_engine
@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_a_walk_of_one_step_is_a_probe(engine, network):
    """One epoch in one batch, images in their own order: all bits of the scalars and the step."""
    model, data = make_model(network), make_data()
    members, w = engine(model, dealt(data), 64), model.initial(0)
    u = directions_of(CLIENTS, model.d)
    losses = members.two_point(w, CLIENTS, u, radius=EPS * TAU)
    expected = ((losses[..., 0] - losses[..., 1]) / (2 * EPS)).float()
    whole = torch.arange(12).expand(len(CLIENTS), 1, -1)
    walks = members.local_zo_steps(w, CLIENTS, u, whole, LocalZO(12, 0.05, S, EPS, TAU))
    for i, (w_i, met) in enumerate(walks):
        assert torch.equal(met, expected[i : i + 1])
        own = Directions(u.keys[i * S : i * S + S], model.d, u.distribution)
        step = zo.step(w, met[0].tolist(), own, scale=TAU, lr=0.05 / S)
        assert torch.equal(w_i, step)


@pytest.mark.parametrize("engine", [Plain, Batched, Vmap])
def test_a_walk_is_a_sequence_of_probes(engine):
    """Each batch as the whole data of a client of its own, at the model that the last step left.

    Direction rows count the steps of the largest client; a smaller one leaves its last ones unused.
    """
    model, data, batch, eps, lr = make_model("mlp"), dealt(make_data()), 5, 1e-2, 0.05
    w, T = model.initial(0), steps_of(max(SIZES), batch)
    u = directions_of(CLIENTS, model.d, T * S)
    walks = stepped(engine(model, data, 64), w, batch=batch, eps=eps, lr=lr)
    for i, (client, order) in enumerate(zip(CLIENTS, orders(CLIENTS), strict=True)):
        images, w_i, met = data[client], w, walks[i][1]
        assert met.shape == (steps_of(len(images), batch), S)
        for t, some in enumerate(batches([images] * 2, order, batch)):
            first = (i * T + t) * S
            own = Directions(u.keys[first : first + S], model.d, u.distribution)
            step = engine(model, [some], 64)
            losses = step.two_point(w_i, [0], own, radius=eps * TAU)[0]
            assert torch.equal(met[t], ((losses[:, 0] - losses[:, 1]) / (2 * eps)).float())
            w_i = zo.step(w_i, met[t].tolist(), own, scale=TAU, lr=lr / S)
        assert torch.equal(walks[i][0], w_i)


@every_engine
def test_a_scalar_that_is_not_finite_counts_as_zero(engine):
    """One bad image spoils the batch that it is in, in each epoch, and no other."""
    model, data = make_model("mlp"), make_data()
    data[1][0][0] = torch.nan
    w = model.initial(0)
    data = dealt(data)
    walks = stepped(engine(model, data, 64), w)
    steps = batches([data[1]] * 2, orders(CLIENTS)[1], 5)
    bad = [bool((step.rows == data[1].rows[0]).any()) for step in steps]
    assert sum(bad) == 2
    assert [not met.any() for met in walks[1][1]] == bad
    assert all(met.all() for i, (_, met) in enumerate(walks) if i != 1)
    assert all(w_i.isfinite().all() for w_i, _ in walks)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_layerwise_walks_as_plain(distribution):
    """Bit for bit."""
    model, data = make_model("resnet"), make_data()
    engines = [engine(model, dealt(data), 6) for engine in (Plain, Layerwise)]
    walks = [stepped(e, model.initial(0), distribution=distribution) for e in engines]
    for (w_i, met), (other, its) in zip(*walks, strict=True):
        assert torch.equal(w_i, other)
        assert torch.equal(met, its)
