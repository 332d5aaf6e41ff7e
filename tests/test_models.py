"""Networks have the stated sizes, and the flat view is the network."""

import pytest
import torch
from torch import nn

from zowarmup.models.flat import FlatModel
from zowarmup.settings.registry import NETWORKS
from zowarmup.simulation.world import network

SIZES = [
    ("mlp", (1, 8, 8), 10, 2_410),
    ("cnn", (1, 8, 8), 10, 6_186),
    ("resnet8", (3, 32, 32), 10, 78_042),
    ("resnet18", (3, 32, 32), 10, 11_173_962),
    ("resnet18", (3, 32, 32), 100, 11_220_132),
    ("resnet18", (3, 32, 32), 1000, 11_681_832),
]


@pytest.mark.parametrize(("name", "shape", "classes", "d"), SIZES)
def test_parameter_counts(name, shape, classes, d):
    assert FlatModel(network(name, shape, classes)).d == d


def test_every_network_of_the_registry_has_a_test():
    assert {name for name, *_ in SIZES} == set(NETWORKS)


@pytest.fixture(params=["mlp", "cnn", "resnet8"])
def model(request):
    return FlatModel(network(request.param, (3, 8, 8), 5))


def images(n=4):
    return torch.linspace(-1, 1, n * 3 * 64).view(n, 3, 8, 8).sin()


def test_flat_view_is_the_plain_module(model):
    w = model.initial(0)
    assert torch.equal(model.logits(w, images()), model.module(w)(images()))
    assert torch.equal(model.flatten(model.named(w)), w)
    assert list(model.named(w)) == [name for name, _ in model.network.named_parameters()]


def test_gradient_through_the_flat_view_is_that_of_the_module(model):
    w = model.initial(0).requires_grad_()
    model.logits(w, images()).square().sum().backward()
    module = model.module(w.detach())
    module(images()).square().sum().backward()
    expected = torch.cat([p.grad.flatten() for p in module.parameters()])
    torch.testing.assert_close(w.grad, expected, rtol=1e-4, atol=1e-6)


def test_initialisation_has_the_scale_of_pytorch(model):
    """Uniform in +-1/sqrt(fan_in), norms at one and zero, one seed one start."""
    w = model.initial(3)
    assert torch.equal(w, model.initial(3))
    assert not torch.equal(w, model.initial(4))
    for name, layer in model.network.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            value = model.named(w)[f"{name}.weight"]
            bound = value[0].numel() ** -0.5
            assert value.abs().max() <= bound
            assert value.std().item() == pytest.approx(bound / 3**0.5, rel=0.15)
        if isinstance(layer, nn.GroupNorm):
            assert (model.named(w)[f"{name}.weight"] == 1).all()
            assert (model.named(w)[f"{name}.bias"] == 0).all()


def test_building_and_initialising_draw_nothing_from_the_global_generator():
    before = torch.random.get_rng_state()
    FlatModel(network("cnn", (1, 8, 8), 10)).initial(0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_networks_that_cannot_be_flat_are_refused():
    with pytest.raises(ValueError, match="running statistics"):
        FlatModel(nn.Sequential(nn.BatchNorm2d(3)))
    shared = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    shared[1].weight = shared[0].weight
    with pytest.raises(ValueError, match="shares a parameter"):
        FlatModel(shared)


def test_flatten_names_what_does_not_fit(model):
    named = model.named(model.initial(0))
    first = model.names[0]
    with pytest.raises(ValueError, match=f"no parameter {first}"):
        model.flatten({k: v for k, v in named.items() if k != first})
    with pytest.raises(ValueError, match=f"parameter {first} is"):
        model.flatten(named | {first: torch.zeros(1)})
    with pytest.raises(ValueError, match="has parameter extra"):
        model.flatten(named | {"extra": torch.zeros(1)})
