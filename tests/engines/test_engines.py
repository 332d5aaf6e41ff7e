"""The fast engines compute what engine plain computes, for any mix of clients."""

from dataclasses import replace

import pytest
import torch
from clients import (
    CHAINS,
    CLIENTS,
    EPS,
    FAST,
    FULL,
    NETWORKS,
    SIZES,
    TAU,
    S,
    directions_of,
    make_data,
    make_model,
    normal,
    pair,
    stepped,
    trained,
)
from torch import nn
from toys import dealt

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds
from zowarmup.config import registry
from zowarmup.engines.batched import Batched
from zowarmup.engines.client_groups import in_order
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.engines.stacked import LAYERS
from zowarmup.engines.vmap import Vmap
from zowarmup.models.flat import FlatModel
from zowarmup.models.resnet import resnet8

pytestmark = pytest.mark.usefixtures("one_thread")
ENGINES = [registry.load(registry.ENGINES, name) for name in registry.ENGINES]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
every_fast_engine = pytest.mark.parametrize(
    ("engine", "network"), FAST, ids=[f"{engine.__name__} {name}" for engine, name in FAST]
)
EVERY = [*((engine, name) for engine in (Plain, Layerwise) for name in NETWORKS), *FAST]
every_batch = pytest.mark.parametrize("micro_batch", [64, 6], ids=["whole", "micro"])


@every_fast_engine
@every_batch
def test_probe_equals_plain(engine, network, micro_batch):
    """To a few float32 roundings of a loss, about 1e-7 of it.

    A scalar divides them by 2 eps, which leaves it an error of 1e-3 at eps = 1e-4, whatever the
    engine; the scalars of a round themselves spread by about 1.
    """
    plain, fast = pair(engine, network, micro_batch, block=13)
    w, u = plain.model.initial(0), directions_of(CLIENTS, plain.d)
    expected = plain.two_point(w, CLIENTS, u, radius=EPS * TAU)
    found = fast.two_point(w, CLIENTS, u, radius=EPS * TAU)
    torch.testing.assert_close(found, expected, rtol=5e-7, atol=0)
    scalars, errors = expected.diff() / (2 * EPS), (found - expected).diff() / (2 * EPS)
    assert errors.abs().max() < 5e-3 * scalars.std()


@pytest.mark.parametrize(
    ("engine", "network"), [(Batched, "mlp"), (Batched, "cnn"), (Vmap, "resnet"), (Vmap, "vit")]
)
def test_probe_is_as_exact_as_plain(engine, network):
    """Both engines against the same weights in float64."""
    engines = pair(engine, network)
    model, data = engines[0].model, make_data()
    w, u = model.initial(0), directions_of(CLIENTS, model.d)
    exact = torch.zeros(len(CLIENTS), S, 2, dtype=torch.float64)
    for j, row in enumerate(u.dense):
        x, y = data[CLIENTS[j // S]]
        for k, sign in enumerate((1, -1)):
            logits = model.logits((w + sign * 1e-2 * row).double(), x.double())
            exact[j // S, j % S, k] = nn.functional.cross_entropy(logits, y)
    errors = [
        (e.two_point(w, CLIENTS, u, radius=1e-2) - exact).square().mean().sqrt() for e in engines
    ]
    assert errors[1] < 2 * errors[0]


@every_fast_engine
@every_batch
def test_slopes_equal_plain(engine, network, micro_batch):
    plain, fast = pair(engine, network, micro_batch, block=13)
    w, u = plain.model.initial(0), directions_of(CLIENTS, plain.d, distribution="gaussian")
    found, expected = (
        fast.directional_derivatives(w, CLIENTS, u),
        plain.directional_derivatives(w, CLIENTS, u),
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)


@every_fast_engine
@pytest.mark.parametrize("batch", [5, 11, 64])
@pytest.mark.parametrize("full", [False, True], ids=["plain", "full"])
def test_training_equals_plain(engine, network, batch, full):
    """Two epochs with weight decay; the last batch has as few as one image."""
    plain, fast = pair(engine, network, block=13)
    w = plain.model.initial(0)
    sgd = replace(FULL, batch=batch) if full else SGD(batch, 0.1, 1e-2)
    found, expected = (trained(e, w, sgd=sgd, masked=full) for e in (fast, plain))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-6)
    assert (expected - w).abs().max() > 0.01


@every_fast_engine
def test_walks_equal_plain(engine, network):
    """At eps = 1e-2 a loss's rounding, 2e-7, leaves a scalar an error of 1e-5, and later ones more.

    Scalars spread by 1 to 8; clients of fewer images make fewer of them.
    """
    plain, fast = pair(engine, network, block=13)
    w = plain.model.initial(0)
    for found, expected in zip(stepped(fast, w), stepped(plain, w), strict=True):
        assert found[1].shape == expected[1].shape
        torch.testing.assert_close(found[1], expected[1], rtol=0, atol=1e-4)
        torch.testing.assert_close(found[0], expected[0], rtol=0, atol=2e-6)
        assert (expected[0] - w).abs().max() > 5e-3


def test_norms_with_negative_weights_equal_plain():
    """A negative weight turns the order of numbers around, so pooling must wait for it."""
    plain, batched = pair(Batched, "cnn")
    w = plain.model.initial(0) * normal("signs", plain.d).sign()
    u = directions_of(CLIENTS, plain.d)
    found, expected = (e.two_point(w, CLIENTS, u, radius=1e-4) for e in (batched, plain))
    torch.testing.assert_close(found, expected, rtol=5e-7, atol=0)
    torch.testing.assert_close(trained(batched, w), trained(plain, w), rtol=1e-5, atol=2e-6)


@pytest.mark.bits
@every_fast_engine
@every_batch
def test_a_client_does_not_depend_on_the_cohort(engine, network, micro_batch):
    """Bit for bit, alone or in any block, down to batches of a single image.

    Vmap promises so for one thread alone.
    """
    torch.set_num_threads(2 if engine is Batched else 1)
    model, data, sgd = make_model(network), make_data(), replace(FULL, batch=11)
    w = model.initial(0)
    u = directions_of(CLIENTS, model.d)
    whole = engine(model, dealt(data), micro_batch)
    losses = whole.two_point(w, CLIENTS, u, radius=1e-4)
    local, walks = trained(whole, w, sgd=sgd), stepped(whole, w)
    for block in (1, 2, 13):
        other = engine(model, dealt(data), micro_batch, block=block)
        assert torch.equal(other.two_point(w, CLIENTS, u, radius=1e-4), losses)
        assert torch.equal(trained(other, w, sgd=sgd), local)
        assert all(map(same, stepped(other, w), walks))
    for i, client in [*enumerate(CLIENTS)][:: len(CLIENTS) - 1]:  # the first and the last
        alone = whole.two_point(w, [client], directions_of([client], model.d), radius=1e-4)
        assert torch.equal(alone[0], losses[i])
        assert torch.equal(trained(whole, w, [client], sgd)[0], local[i])
        assert same(stepped(whole, w, [client])[0], walks[i])


@pytest.mark.bits
@pytest.mark.parametrize("network", ["mlp", "narrow cnn"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_nor_on_a_cohort_that_threads_share(network, threads):
    """Of so many clients that the work of a thread ends in the middle of one."""
    sizes = [26] * 20 + [25] * 9 + [1, 2, 50]
    model, everybody = make_model(network), tuple(range(len(sizes)))
    members, w = Batched(model, dealt(make_data(sizes)), 64), model.initial(0)
    u = directions_of(everybody, model.d)
    torch.set_num_threads(threads)
    losses, directional_derivatives = (
        members.two_point(w, everybody, u, radius=1e-4),
        members.directional_derivatives(w, everybody, u),
    )
    sgd = replace(FULL, batch=16)
    local = trained(members, w, everybody, sgd, n=50)
    for some in ([3], [0, 1], [5, 21, 30], [31], list(range(1, 24))):
        own = directions_of(some, model.d)
        assert torch.equal(members.two_point(w, some, own, radius=1e-4), losses[some])
        assert torch.equal(
            members.directional_derivatives(w, some, own), directional_derivatives[some]
        )
        assert torch.equal(trained(members, w, some, sgd, n=50), local[some])


@pytest.mark.bits
@pytest.mark.parametrize(("engine", "network"), EVERY, ids=[f"{e.__name__} {n}" for e, n in EVERY])
@pytest.mark.parametrize("micro_batch", [64, 6, 1], ids=["whole", "micro", "one by one"])
def test_two_models_that_are_one_have_one_loss(engine, network, micro_batch):
    """At radius 0 both sides and all directions are w, so no rounding may tell them apart.

    Clients of one image, of a full vector of images, and of numbers between.
    """
    torch.set_num_threads(2 if engine is Batched else 1)
    model, data, clients = make_model(network), make_data((1, 12, 7, 28)), (0, 1, 2, 3)
    members = engine(model, dealt(data), micro_batch)
    losses = members.two_point(
        model.initial(0), clients, directions_of(clients, model.d), radius=0.0
    )
    assert torch.equal(losses, losses[:, :1, :1].expand_as(losses))


@pytest.mark.bits
@pytest.mark.parametrize("network", NETWORKS)
def test_where_a_model_lies_in_memory_changes_no_bit(network):
    model, w = make_model(network), make_model(network).initial(0)
    x = normal("one image", 1, 1, 8, 8)
    for offset in range(1, 5):
        elsewhere = torch.empty(len(w) + offset)[offset:].copy_(w)
        assert torch.equal(model.logits(elsewhere, x), model.logits(w, x))


def same(walk, other):
    return all(torch.equal(a, b) for a, b in zip(walk, other, strict=True))


def test_directions_too_many_to_keep_give_the_same(monkeypatch):
    _, batched = pair(Batched, "mlp", block=13)
    w, u = batched.model.initial(0), directions_of(CLIENTS, batched.d)
    expected = batched.two_point(w, CLIENTS, u, radius=1e-4), stepped(batched, w)
    monkeypatch.setattr("zowarmup.models.directions.DENSE", 0)
    assert torch.equal(batched.two_point(w, CLIENTS, u, radius=1e-4), expected[0])
    assert all(map(same, stepped(batched, w), expected[1]))


@pytest.mark.parametrize("estimator", ["two_point", "directional"])
@every_engine
def test_the_step_follows_from_the_scalars_whatever_the_engine(estimator, engine):
    """A record made with one engine gives the bits of its round without any engine."""
    method = ZO(0.1, S, EPS, TAU, estimator=estimator)
    cohort, seeds = Cohort(CLIENTS, tuple(SIZES[i] for i in CLIENTS)), Seeds(0, 0, 0)
    members = engine(make_model("cnn"), dealt(make_data()), 64)
    state = State(members.model.initial(0))
    new, report = method.round(state, 1, cohort, members, seeds)
    assert torch.equal(method.apply(state, report.record, seeds).w, new.w)


@every_engine
def test_w_and_the_data_are_left_as_they_are(engine):
    model, data = make_model("narrow cnn"), dealt(make_data())
    members = engine(model, data, 6)
    w = model.initial(0)
    before = w.clone()
    u = directions_of(CLIENTS, model.d)
    first = members.two_point(w, CLIENTS, u, radius=0.1)
    members.directional_derivatives(w, CLIENTS, u)
    trained(members, w)
    stepped(members, w)
    assert torch.equal(w, before)
    assert torch.equal(members.two_point(w, CLIENTS, u, radius=0.1), first)
    assert torch.equal(data[0].raw, dealt(make_data())[0].raw)


@every_engine
def test_labels_of_the_training_images(engine):
    """Client 0 has classes 3 and 9, client 1 has 0, client 2 has 3."""
    data = [(normal(f"{y}", len(y), 1, 8, 8), torch.tensor(y)) for y in ([3, 9, 3], [0], [3] * 3)]
    expected = torch.zeros(2, 10, dtype=torch.bool)
    expected[0, 3] = expected[1, [3, 9]] = True
    assert torch.equal(engine(make_model("mlp"), dealt(data), 64).labels([2, 0]), expected)


@every_engine
def test_another_network_for_the_same_clients(engine):
    """As an engine of its own, on the same images in memory; the first one stays as it was."""
    wide, narrow, data = make_model("cnn"), make_model("narrow mlp"), dealt(make_data())
    first = engine(wide, data, 64)
    before = trained(first, wide.initial(0))
    other = first.with_model(narrow)
    assert type(other) is engine
    assert (other.model, other.d) == (narrow, narrow.d)
    expected = trained(engine(narrow, data, 64), narrow.initial(0))
    assert torch.equal(trained(other, narrow.initial(0)), expected)
    assert torch.equal(trained(first, wide.initial(0)), before)
    kept = "groups" if hasattr(first, "groups") else "data"
    assert getattr(other, kept) is getattr(first, kept)


@every_engine
def test_a_tier_of_nobody_trains_nothing(engine):
    model = make_model("mlp")
    members = engine(model, dealt(make_data()), 64)
    none = members.local_sgd(model.initial(0), [], torch.empty(0, 2, 12, dtype=torch.int64), FULL)
    assert list(none) == []


def test_results_come_in_order_and_as_early_as_can_be():
    """Rows 0 and 2 are done first: 0 is let go before rows 1 and 3 are begun, 2 waits for 1."""
    begun = []

    def blocks():
        for rows, results in (([0, 2], "ac"), ([1, 3], "bd")):
            begun.append(rows)
            yield rows, results

    results = in_order(blocks())
    assert (next(results), begun) == ("a", [[0, 2]])
    assert "".join(results) == "bcd"


@pytest.mark.parametrize("sizes", [(3, 5), (5, 3, 4)])
def test_few_blocks_wait_for_clients_of_another_size(sizes):
    """Forty clients whose sizes take turns, in blocks of four: of each size one block may wait."""
    data = dealt(make_data([sizes[i % len(sizes)] for i in range(40)]))
    engine = Batched(make_model("mlp"), data, 64, block=4)
    done, begun = 0, 0
    blocks = [rows for rows, _ in engine.blocks(range(40))]
    for rows in blocks:
        begun += len(rows)
        assert begun - done <= 4 * len(sizes)
        seen = {row for rows in blocks[: blocks.index(rows) + 1] for row in rows}
        done = next(row for row in range(41) if row not in seen)
    assert done == 40


UNSUITABLE = {
    "residual": (lambda: resnet8((1, 8, 8), 10), "ResNet"),
    "unknown layer": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 10), nn.Tanh()), "Tanh"),
    "groups": (lambda: nn.Sequential(nn.Conv2d(2, 2, 3, groups=2)), "groups=2"),
    "pool": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2, padding=1)), "MaxPool"),
    "no weights first": (lambda: nn.Sequential(nn.ReLU(), nn.Linear(4, 2)), "begins with"),
}


@pytest.mark.parametrize(("network", "named"), UNSUITABLE.values(), ids=UNSUITABLE)
def test_other_networks_are_refused_at_once(network, named):
    with pytest.raises(ValueError, match=f"(?s){named}.*set engine.name to vmap"):
        Batched(FlatModel(network()), dealt(make_data()), 64)


def test_every_layer_that_can_be_stacked_is_tested():
    """The networks of these tests hold all layers of the table."""
    layers = {type(layer) for name in CHAINS for layer in make_model(name).network}
    assert layers == set(LAYERS)
