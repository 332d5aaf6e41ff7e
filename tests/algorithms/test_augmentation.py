"""Crops and flips are those of torchvision, and belong to names, not to the way of computing."""

from dataclasses import replace

import pytest
import torch
from clients import CLIENTS, FULL, SIZES, directions_of, make_model, orders
from sklearn.datasets import load_sample_image
from torchvision.transforms import functional

from zowarmup.algorithms.augmentation import MOVES, PAD, STARTS, Moves, moves
from zowarmup.algorithms.fedadam import FedAdam
from zowarmup.algorithms.fedavg import FedAvg
from zowarmup.algorithms.heterofl import HeteroFL
from zowarmup.algorithms.rounds import Cohort
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds, key
from zowarmup.data import dataset_file
from zowarmup.engines import images
from zowarmup.engines.batched import Batched
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.local_steps import batches
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.training import context

pytestmark = pytest.mark.usefixtures("one_thread")
SEEDS = Seeds(0, 5, 0)
MOVED = Moves(key("test", "augmentation"), 1)


@pytest.fixture(scope="module")
def digits():
    return images.part(dataset_file.load_source("digits"), "train", torch.device("cpu"))


@pytest.fixture
def clients(digits):
    return digits.cut(0, sum(SIZES)).split(SIZES)


def by_torchvision(x, move):
    """RandomCrop(size, padding=4), then a flip, of one raw image, for one outcome of its draws."""
    flip, top, left = move // STARTS**2, move // STARTS % STARTS, move % STARTS
    size = x.shape[1:]
    x = functional.crop(functional.pad(x, [PAD] * 4), top, left, *size)
    return functional.hflip(x) if flip else x


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (3, 5, 9)])
def test_every_move_is_that_of_torchvision(shape):
    """All 162 of them, of pieces of a photograph, each moved in another way."""
    C, H, W = shape
    photograph = torch.tensor(load_sample_image("flower.jpg")).movedim(-1, 0)[:C]
    pieces = photograph.unfold(1, H, 32).unfold(2, W, 32).flatten(1, 2).movedim(0, 1)
    raw = pieces[:MOVES].contiguous()
    assert raw.shape == (MOVES, *shape)
    found = images.crop_flip(raw, torch.arange(MOVES, dtype=torch.uint8))
    assert found.dtype == torch.uint8
    for move, (x, moved) in enumerate(zip(raw, found, strict=True)):
        assert torch.equal(moved, by_torchvision(x, move))
    still = PAD * STARTS + PAD
    assert torch.equal(found[still], raw[still])


def test_black_is_black_before_the_normalisation(digits):
    """A corner that comes from the padding is -mean / std, not 0."""
    [moved] = digits.cut(0, 1).moved(torch.zeros(1, 1, dtype=torch.uint8))
    scaling = digits.scaling
    expected = ((0 / scaling.scale - scaling.mean) / scaling.std).item()
    assert expected != 0
    assert (moved.x()[0, 0, :PAD] == expected).all()
    assert torch.equal(moved.x()[0, 0, PAD:, PAD:], digits.x()[0, 0, :-PAD, :-PAD])


def test_moves_belong_to_round_client_epoch_and_image():
    drawn = Moves(7, 3).draw([2, 9], 2, 50)
    assert drawn.shape == (2, 2, 50)
    assert drawn.dtype == torch.uint8
    assert torch.equal(Moves(7, 3).draw([9], 2, 50)[0], drawn[1])  # whoever else takes part
    assert torch.equal(Moves(7, 3).draw([9], 3, 60)[0, :2, :50], drawn[1])  # whatever else is drawn
    others = [Moves(7, 4), Moves(8, 3)]
    assert not any(torch.equal(other.draw([2, 9], 2, 50), drawn) for other in others)
    rows = drawn.view(4, 50)
    assert len({tuple(row.tolist()) for row in rows}) == 4  # clients and epochs differ


def test_moves_are_uniform():
    """162,000 draws: 1,000 of each expected, with a standard deviation of 32."""
    counts = Moves(0, 1).draw([0], 1, 1000 * MOVES).flatten().long().bincount(minlength=MOVES)
    assert len(counts) == MOVES
    assert (counts - 1000).abs().max() < 5 * 32


def test_a_setting_names_the_draws():
    assert moves("none", 1, SEEDS) is None
    assert moves("crop_flip", 4, SEEDS) == Moves(key("augmentation", 5), 4)


def trained(engine, w, sgd, moved=MOVED, members=CLIENTS):
    engine = engine.with_moves(moved)
    return torch.stack(list(engine.local_sgd(w, members, orders(members), sgd)))


@pytest.mark.parametrize(
    ("engine", "network"),
    [(Batched, "mlp"), (Batched, "cnn"), (Vmap, "resnet"), (Vmap, "vit"), (Layerwise, "cnn")],
)
@pytest.mark.parametrize("batch", [5, 64])
def test_engines_train_on_the_same_images(engine, network, batch, clients):
    model, sgd = make_model(network), replace(FULL, batch=batch, masked=True)
    w = model.initial(0)
    found = trained(engine(model, clients, 64), w, sgd)
    expected = trained(Plain(model, clients, 64), w, sgd)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=5e-6)
    unmoved = trained(Plain(model, clients, 64), w, sgd, None)
    assert (unmoved - expected).abs().max() > 0.01


@pytest.mark.parametrize("options", [{"block": 1}, {"block": 3}, {"block": 60}])
@pytest.mark.parametrize("kind", [Batched, Vmap])
def test_a_client_s_images_depend_on_no_block(kind, options, clients):
    """Bit for bit, in every epoch; and those that plain sees."""
    plain = Plain(make_model("mlp"), clients, 64).with_moves(MOVED)
    engine = kind(make_model("mlp"), clients, 64, **options).with_moves(MOVED)
    met = 0
    for rows, seen in engine.blocks(CLIENTS, epochs=2):
        for epoch, here in enumerate(seen):
            x = here.x() if kind is Vmap else here.x().movedim(-1, 1)
            for row, own in zip(rows, x, strict=True):
                assert torch.equal(own, plain.epochs(CLIENTS[row], 2)[epoch].x())
                met += 1
    assert met == 2 * len(CLIENTS)


def test_the_batch_does_not_change_how_an_image_is_moved(clients):
    """Each image of an epoch meets the step in its own crop, whatever the others beside it."""
    engine = Plain(make_model("mlp"), clients, 64).with_moves(MOVED)
    seen, order = engine.epochs(0, 2), orders([0])[0]
    for batch in (1, 5, 64):
        met = torch.cat([some.x() for some in batches(seen, order, batch)])
        assert torch.equal(met, torch.cat([seen[e].x()[order[e]] for e in (0, 1)]))


@pytest.mark.parametrize("engine", [Plain, Layerwise, Batched, Vmap])
def test_all_two_point_losses_see_one_draw(engine, clients):
    """Clients whose data are these crops have the same losses and directional derivatives."""
    model = make_model("mlp")
    w, u = model.initial(0), directions_of(CLIENTS, model.d)
    drawn = [MOVED.draw([i], 1, n).flatten() for i, n in enumerate(SIZES)]
    raw = images.crop_flip(clients[0].raw[: sum(SIZES)], torch.cat(drawn))
    labels = torch.cat([own.y for own in clients])
    fixed = images.whole(raw, labels, clients[0].scaling).split(SIZES)
    unmoved, still = engine(model, clients, 6), engine(model, fixed, 6)
    moved = unmoved.with_moves(MOVED)
    found = moved.two_point(w, CLIENTS, u, radius=1e-3)
    assert torch.equal(found, still.two_point(w, CLIENTS, u, radius=1e-3))
    assert not torch.equal(found, unmoved.two_point(w, CLIENTS, u, radius=1e-3))
    derivatives = moved.directional_derivatives(w, CLIENTS, u)
    assert torch.equal(derivatives, still.directional_derivatives(w, CLIENTS, u))


METHODS = [
    FedAvg(lr=0.1, batch=5),
    FedAdam(lr=0.1, client_lr=0.1, batch=5),
    HeteroFL(lr=0.1, batch=5),
    ZO(lr=0.1),
    ZO(lr=0.1, estimator="directional"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_a_round_draws_by_its_number(method, clients):
    """A round again is the same; without augmentation and by another seed it is another."""
    engine = Plain(context.model("mlp", (1, 8, 8), 10), clients, 64)
    cohort = Cohort(CLIENTS, tuple(SIZES[i] for i in CLIENTS), frozenset({1, 4}))
    w = engine.model.initial(0)

    def after(method, t=1, seeds=SEEDS):
        return method.round(method.begin(w), t, cohort, engine, seeds)[0].w

    augmented = replace(method, augment="crop_flip")
    assert torch.equal(after(augmented), after(augmented))
    assert not torch.equal(after(augmented), after(method))
    if not isinstance(method, ZO):
        return
    same = Seeds(0, 6, 0)  # other images are drawn, the directions are the same
    assert not torch.equal(after(augmented, seeds=same), after(augmented))
    assert torch.equal(after(method, seeds=same), after(method))
