"""Engine batched computes what engine plain computes, for any mix of clients."""

import numpy as np
import pytest
import torch
from torch import nn

from zowarmup.algorithms.rounds import Cohort
from zowarmup.algorithms.zo import ZO
from zowarmup.models.cnn import cnn
from zowarmup.models.directions import draw, permutations
from zowarmup.models.flat import FlatModel
from zowarmup.models.mlp import mlp
from zowarmup.models.resnet import resnet8
from zowarmup.settings.seeds import Seeds, key
from zowarmup.simulation.engines.batched import Batched
from zowarmup.simulation.engines.plain import Plain

SIZES = (12, 7, 12, 12, 7, 3)  # images of each client
CLIENTS = (0, 1, 3, 4, 5)
S, EPS, TAU = 3, 1e-4, 0.75


def normal(name, *shape):
    draws = np.random.Generator(np.random.PCG64(key("test engines", name)))
    return torch.from_numpy(draws.standard_normal(shape, dtype=np.float32))


def make_data(sizes=SIZES):
    """Images with some contrast between classes, so that losses and gradients are not all alike."""
    data = []
    for client, n in enumerate(sizes):
        y = (normal(f"labels {client}", n).abs() * 1e6).long() % 10
        x = normal(f"images {client}", n, 1, 8, 8) + (y / 5 - 1)[:, None, None, None]
        data.append((x, y))
    return data


def make_model(network):
    if not isinstance(network, nn.Module):
        with torch.device("meta"):
            network = network((1, 8, 8), 10)
    return FlatModel(network)


def orders(clients, epochs=2):
    visits = [client * epochs + e for client in clients for e in range(epochs)]
    orders = permutations(key("test engines"), (1,), visits, max(SIZES))
    return orders.view(len(clients), epochs, -1)


def pair(network, micro_batch, **options):
    model, data = make_model(network), make_data()
    return Plain(model, data, micro_batch), Batched(model, data, micro_batch, **options)


def trained(engine, w, clients=CLIENTS, batch=5):
    settings = {"batch": batch, "lr": 0.1, "weight_decay": 1e-2}
    return torch.stack(list(engine.train(w, clients, orders(clients), **settings)))


def directions_of(clients, d, **options):
    return draw(3, 1, clients, S, d, **options)


# Both layers of the ordinary networks, and every option that the stacked layers know.
STRANGE = nn.Sequential(
    nn.Conv2d(1, 6, (3, 5), padding=(0, 2), stride=(1, 2)),
    nn.ReLU(),
    nn.MaxPool2d((2, 3), stride=1),
    nn.Conv2d(6, 4, 2, stride=(2, 1), padding=1, bias=False),
    nn.GroupNorm(2, 4, affine=False),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(4, 9, bias=False),
    nn.GroupNorm(3, 9),
    nn.ReLU(),
    nn.Linear(9, 10),
)
NETWORKS = {"mlp": mlp, "cnn": cnn, "strange": STRANGE}
every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
every_batch = pytest.mark.parametrize("micro_batch", [64, 6], ids=["whole", "micro"])


@every_network
@every_batch
def test_probe_equals_plain(network, micro_batch):
    """To a few float32 roundings of a loss, about 1e-7 of it.

    A scalar divides them by 2 eps, which leaves it an error of 1e-3 at eps = 1e-4, whatever the
    engine; the scalars of a round themselves spread by about 1.
    """
    plain, batched = pair(network, micro_batch, block=2)
    w, u = plain.model.initial(0), directions_of(CLIENTS, plain.d)
    expected = plain.probe(w, CLIENTS, u, radius=EPS * TAU)
    found = batched.probe(w, CLIENTS, u, radius=EPS * TAU)
    torch.testing.assert_close(found, expected, rtol=5e-7, atol=0)
    scalars, errors = expected.diff() / (2 * EPS), (found - expected).diff() / (2 * EPS)
    assert errors.abs().max() < 5e-3 * scalars.std()


@pytest.mark.parametrize("network", [mlp, cnn])
def test_probe_is_as_exact_as_plain(network):
    """Both engines against the same weights in float64."""
    engines = pair(network, 64)
    model, data = engines[0].model, make_data()
    w, u = model.initial(0), directions_of(CLIENTS, model.d)
    exact = torch.zeros(len(CLIENTS), S, 2, dtype=torch.float64)
    for j, row in enumerate(u.dense):
        x, y = data[CLIENTS[j // S]]
        for k, sign in enumerate((1, -1)):
            logits = model.logits((w + sign * 1e-2 * row).double(), x.double())
            exact[j // S, j % S, k] = nn.functional.cross_entropy(logits, y)
    errors = [(e.probe(w, CLIENTS, u, radius=1e-2) - exact).square().mean().sqrt() for e in engines]
    assert errors[1] < 2 * errors[0]


@every_network
@every_batch
def test_slopes_equal_plain(network, micro_batch):
    plain, batched = pair(network, micro_batch, block=2)
    w, u = plain.model.initial(0), directions_of(CLIENTS, plain.d, distribution="gaussian")
    found, expected = batched.slopes(w, CLIENTS, u), plain.slopes(w, CLIENTS, u)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)


@every_network
@pytest.mark.parametrize("batch", [5, 11, 64])
def test_training_equals_plain(network, batch):
    """Two epochs with weight decay; the last batch has as few as one image."""
    plain, batched = pair(network, 64, block=2)
    w = plain.model.initial(0)
    found, expected = trained(batched, w, batch=batch), trained(plain, w, batch=batch)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)
    assert (expected - w).abs().max() > 0.01


def test_norms_with_negative_weights_equal_plain():
    """A negative weight turns the order of numbers around, so pooling must wait for it."""
    plain, batched = pair(cnn, 64)
    w = plain.model.initial(0) * normal("signs", plain.d).sign()
    u = directions_of(CLIENTS, plain.d)
    found, expected = (e.probe(w, CLIENTS, u, radius=1e-4) for e in (batched, plain))
    torch.testing.assert_close(found, expected, rtol=5e-7, atol=0)
    torch.testing.assert_close(trained(batched, w), trained(plain, w), rtol=1e-5, atol=2e-6)


@every_network
@every_batch
def test_a_client_does_not_depend_on_the_cohort(network, micro_batch):
    """Bit for bit, alone or in any block, down to batches of a single image."""
    model, data = make_model(network), make_data()
    w = model.initial(0)
    u = directions_of(CLIENTS, model.d)
    whole = Batched(model, data, micro_batch)
    losses = whole.probe(w, CLIENTS, u, radius=1e-4)
    local = trained(whole, w, batch=11)
    for block in (1, 2):
        engine = Batched(model, data, micro_batch, block=block)
        assert torch.equal(engine.probe(w, CLIENTS, u, radius=1e-4), losses)
        assert torch.equal(trained(engine, w, batch=11), local)
    for i, client in enumerate(CLIENTS):
        alone = whole.probe(w, [client], directions_of([client], model.d), radius=1e-4)
        assert torch.equal(alone[0], losses[i])
        assert torch.equal(trained(whole, w, [client], batch=11)[0], local[i])


def test_directions_too_many_to_keep_give_the_same(monkeypatch):
    _, batched = pair(mlp, 64, block=2)
    w, u = batched.model.initial(0), directions_of(CLIENTS, batched.d)
    expected = batched.probe(w, CLIENTS, u, radius=1e-4)
    monkeypatch.setattr("zowarmup.simulation.engines.batched.DENSE", 0)
    assert torch.equal(batched.probe(w, CLIENTS, u, radius=1e-4), expected)


@pytest.mark.parametrize("estimator", ["two_point", "directional"])
def test_the_step_follows_from_the_scalars_whatever_the_engine(estimator):
    """A record made with one engine gives the bits of its round without any engine."""
    method = ZO(0.1, S, EPS, TAU, "rademacher", "paper", estimator, False)
    cohort, seeds = Cohort(CLIENTS, tuple(SIZES[i] for i in CLIENTS)), Seeds(0, 0, 0)
    for engine in pair(cnn, 64):
        w = engine.model.initial(0)
        new, report = method.round(w, 1, cohort, engine, seeds)
        assert torch.equal(method.apply(w, report.record, seeds), new)


@pytest.mark.parametrize("network", [mlp, cnn])
def test_w_and_the_data_are_left_as_they_are(network):
    model, data = make_model(network), make_data()
    engine = Batched(model, data, 6)
    w = model.initial(0)
    before = w.clone()
    u = directions_of(CLIENTS, model.d)
    first = engine.probe(w, CLIENTS, u, radius=0.1)
    engine.slopes(w, CLIENTS, u)
    trained(engine, w)
    assert torch.equal(w, before)
    assert torch.equal(engine.probe(w, CLIENTS, u, radius=0.1), first)
    for (x, _), (same, _) in zip(data, make_data(), strict=True):
        assert torch.equal(x, same)


UNSUITABLE = {
    "residual": (lambda: resnet8((1, 8, 8), 10), "ResNet"),
    "unknown layer": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Tanh()), "Tanh"),
    "groups": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), "groups=2"),
    "pool": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2, padding=1)), "MaxPool"),
    "no weights first": (lambda: nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), "begins with"),
}


@pytest.mark.parametrize(("network", "named"), UNSUITABLE.values(), ids=UNSUITABLE)
def test_other_networks_are_refused_at_once(network, named):
    with pytest.raises(ValueError, match=f"(?s){named}.*use engine plain"):
        Batched(FlatModel(network()), make_data(), 64)
