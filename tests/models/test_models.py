"""Networks have the stated sizes, and the flat view is the network."""

import pytest
import torch
from torch import nn
from torch.func import grad, vmap
from torch.nn.functional import cross_entropy

from zowarmup.common import seeds
from zowarmup.common.errors import UserError
from zowarmup.config.registry import LANGUAGE, NETWORKS
from zowarmup.models import layerwise
from zowarmup.models.flat import FlatModel
from zowarmup.models.static_norm import StaticNorm
from zowarmup.training import context

DEPTHS = {"mlp2": 3_466, "mlp3": 4_522, "mlp4": 5_578, "mlp5": 6_634}
SIZES = [
    ("mlp", (1, 8, 8), 10, 2_410),
    *((name, (1, 8, 8), 10, d) for name, d in DEPTHS.items()),
    *((f"{name}_he", (1, 8, 8), 10, d) for name, d in {"mlp": 2_410, **DEPTHS}.items()),
    ("cnn", (1, 8, 8), 10, 6_186),
    ("resnet8", (3, 32, 32), 10, 78_042),
    ("resnet18", (3, 32, 32), 10, 11_173_962),
    ("resnet18", (3, 32, 32), 100, 11_220_132),
    ("resnet18", (3, 32, 32), 1000, 11_681_832),
    ("resnet_tiny", (1, 8, 8), 10, 5_122),
    ("preresnet_tiny", (1, 8, 8), 10, 5_090),
    ("preresnet_tiny_gn", (1, 8, 8), 10, 5_090),
    ("preresnet18", (3, 32, 32), 10, 11_172_170),
    ("preresnet18_gn", (3, 32, 32), 10, 11_172_170),
    ("vit_tiny", (1, 8, 8), 10, 4_986),
    ("vit_small_p4", (3, 32, 32), 10, 18_978_314),
    ("vit_b16", (3, 32, 32), 10, 85_657_354),
    ("vit_b16", (3, 224, 224), 10, 85_804_810),
]
SMALL = [
    "mlp",
    "mlp5",
    "mlp3_he",
    "cnn",
    "resnet8",
    "resnet_tiny",
    "preresnet_tiny",
    "preresnet_tiny_gn",
    "vit_tiny",
]


@pytest.mark.parametrize(("name", "shape", "classes", "d"), SIZES)
def test_parameter_counts(name, shape, classes, d):
    assert context.model(name, shape, classes).d == d


def test_every_network_of_the_registry_has_a_test():
    # the networks that read text have theirs in tests/engines/test_language.py
    assert {name for name, *_ in SIZES} == NETWORKS.keys() - LANGUAGE.keys()


@pytest.fixture(params=SMALL)
def model(request):
    return context.model(request.param, (3, 8, 8), 5)


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


def test_many_weights_side_by_side_are_each_alone(model):
    """Every network goes through vmap and grad over its weights, as engines may ask."""
    W = torch.stack([model.initial(seed) for seed in range(3)])
    y = torch.tensor([0, 4, 2, 1])

    def loss(w):
        return cross_entropy(model.logits(w, images()), y)

    for f in (loss, grad(loss)):
        alone = torch.stack([f(w) for w in W])
        torch.testing.assert_close(vmap(f)(W), alone, rtol=1e-4, atol=2e-6)


@torch.no_grad()
def test_layer_by_layer_is_the_whole_at_once(model):
    """So no layer reads the parameters of another one."""
    w = model.initial(0)
    found = layerwise.logits(model, lambda start, stop: w[start:stop], images())
    assert torch.equal(found, model.logits(w, images()))


@pytest.mark.parametrize("name", [name for name in SMALL if "vit" not in name and "he" not in name])
def test_initialisation_has_the_scale_of_pytorch(name):
    """Uniform in +-1/sqrt(fan_in), norms at one and zero, one seed one start."""
    model = context.model(name, (3, 8, 8), 5)
    w = model.initial(3)
    assert torch.equal(w, model.initial(3))
    assert not torch.equal(w, model.initial(4))
    for name, layer in model.network.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            value = model.named(w)[f"{name}.weight"]
            bound = value[0].numel() ** -0.5
            assert value.abs().max() <= bound
            assert value.std().item() == pytest.approx(bound / 3**0.5, rel=0.15)
        if isinstance(layer, nn.GroupNorm | StaticNorm):
            assert (model.named(w)[f"{name}.weight"] == 1).all()
            assert (model.named(w)[f"{name}.bias"] == 0).all()


def test_classifier_bias_starts_at_zero_in_the_pre_activation_networks_alone():
    """As in HeteroFL's code; PyTorch's default draws it."""
    for name, zero in (("preresnet_tiny", True), ("preresnet_tiny_gn", True), ("resnet8", False)):
        model = context.model(name, (3, 8, 8), 5)
        bias = model.named(model.initial(0))["linear.bias"]
        assert (not bias.any()) is zero


def test_the_initialisation_of_he_keeps_the_size_of_activations():
    """Std sqrt(2 / fan_in) and no biases; each ReLU then passes the mean square on."""
    model = context.model("mlp5_he", (1, 16, 16), 10, 16)
    w = model.initial(0)
    assert torch.equal(w, model.initial(0))
    for name, value in model.named(w).items():
        if name.endswith("bias"):
            assert not value.any()
        else:
            assert value.std().item() == pytest.approx((2 / value.shape[1]) ** 0.5, rel=0.02)
    x = images(12).view(1, -1)[:, :256].view(1, 1, 16, 16)
    before = model.module(w)[:-1](x)
    assert before.square().mean().item() == pytest.approx(x.square().mean().item(), rel=0.35)


def test_default_law_is_the_word_of_its_name():
    """The first entry by hand: word 0 of splitmix64, its upper 24 bits as a signed fraction."""
    model = context.model("mlp", (1, 8, 8), 10)
    key = seeds.key("initialisation", 7, "1.weight")
    z = (key + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    upper = seeds.signed(z ^ (z >> 31)) >> 40
    assert model.initial(7)[0].item() == (upper + 0.5) / 2**23 / 64**0.5


def test_building_and_initialising_draw_nothing_from_the_global_generator():
    before = torch.random.get_rng_state()
    for name in SMALL:
        context.model(name, (1, 8, 8), 10).initial(0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_networks_that_cannot_be_flat_are_refused():
    with pytest.raises(ValueError, match="running statistics"):
        FlatModel(nn.Sequential(nn.BatchNorm2d(3)))
    with pytest.raises(ValueError, match="no parameter that trains"):
        FlatModel(nn.Flatten())


def test_flatten_names_what_does_not_fit(model):
    named = model.named(model.initial(0))
    first = model.names[0]
    with pytest.raises(ValueError, match=f"no parameter {first}"):
        model.flatten({k: v for k, v in named.items() if k != first})
    with pytest.raises(ValueError, match=f"parameter {first} is"):
        model.flatten(named | {first: torch.zeros(1)})
    with pytest.raises(ValueError, match="has parameter extra"):
        model.flatten(named | {"extra": torch.zeros(1)})


SMALLEST = {
    "cnn": 4,
    "vit_tiny": 2,
    "vit_small_p4": 4,
    "vit_b16": 16,
}  # pixels of a side that it divides


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 16, 3), (4, 2, 2)])
def test_a_network_takes_the_smallest_images_or_says_why_not(
    name: str, shape: tuple[int, int, int]
) -> None:
    if any(side % SMALLEST.get(name, 1) for side in shape[1:]):
        with pytest.raises(UserError, match=r"images of .* pixels .*; use "):
            context.model(name, shape, 2)
    else:
        model = context.model(name, shape, 2)
        assert model.module(model.initial(0))(torch.zeros(2, *shape)).shape == (2, 2)
