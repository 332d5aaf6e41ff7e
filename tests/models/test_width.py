"""Networks of other widths, HeteroFL's parts of a flat vector, and its scaler."""

import pytest
import torch
from torch import nn

from zowarmup.common.errors import UserError
from zowarmup.models.flat import FlatModel
from zowarmup.models.scaler import Scaler, times
from zowarmup.models.width import class_rows, narrow
from zowarmup.training import context

SMALL = ("mlp", "cnn", "resnet_tiny", "preresnet_tiny", "preresnet_tiny_gn", "vit_tiny")
every_network = pytest.mark.parametrize("name", SMALL)
every_width = pytest.mark.parametrize("width", [1.0, 0.75, 0.5, 0.3, 0.125])


def build(name, width=1.0):
    return context.model(name, (2, 8, 8), 5, width)


def images(n=6):
    return torch.linspace(-40, 40, n * 2 * 64).view(n, 2, 8, 8).sin()


def moved(model):
    """Weights at which no bias is zero and no norm's weight one."""
    return model.initial(0) + 0.1 * torch.linspace(-300, 300, model.d).sin()


# --- sizes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width", "d"), [(0.5, 2_796_714), (0.25, 701_018), (0.125, 176_178), (0.0625, 44_510)]
)
def test_pre_activation_resnet_has_the_published_sizes(width, d):
    """Those of HeteroFL's levels b to e; the last from the formula, see below."""
    assert context.model("preresnet18", (3, 32, 32), 10, width).d == d == preresnet_size(64 * width)


def preresnet_size(c):
    """Parameters of the pre-activation ResNet18 with c channels in the first stage."""
    c = int(c)
    stem, last = 27 * c, 2 * 8 * c + 10 * 8 * c + 10
    first = 2 * (2 * 9 * c * c + 4 * c)
    others = sum(
        9 * a * 2 * a + 3 * 9 * (2 * a) ** 2 + 2 * a * a + 2 * a + 3 * 4 * a
        for a in (c, 2 * c, 4 * c)
    )
    return stem + first + others + last


def test_mlp_size_by_hand():
    """(64 + 1) h + (h + 1) 10, h = ceil(32 width)."""
    for width, h in ((0.1, 4), (0.5, 16), (1.0, 32), (3.0, 96)):
        assert context.model("mlp", (1, 8, 8), 10, width).d == 65 * h + 10 * (h + 1)


def test_channels_are_rounded_up_but_not_for_rounding():
    assert [times(width, 10) for width in (0.01, 0.1, 0.11, 1.0, 2.5)] == [1, 1, 2, 10, 25]
    assert 0.07 * 100 > 7
    assert times(0.07, 100) == 7


@every_network
@pytest.mark.parametrize("width", [0.125, 0.3, 0.5, 1.5, 3.0])
def test_networks_of_any_width_run(name, width):
    model = build(name, width)
    assert (model.d > build(name).d) is (width > 1)
    logits = model.logits(model.initial(0), images())
    assert logits.shape == (6, 5)
    assert logits.isfinite().all()


# --- parts of a flat vector -----------------------------------------------------------------


@every_network
@every_width
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_a_part_is_the_first_block_of_each_parameter(name, width, scale):
    model = build(name)
    part, w = narrow(model, width, scale), torch.arange(model.d)
    assert part.index.shape == (part.model.d,) == (build(name, width).d,)
    assert len(part.index.unique()) == part.model.d
    small = part.model.views(w[part.index])
    for value, large, n in zip(small, model.views(w), part.model.shapes, strict=True):
        for axis, size in enumerate(n):
            large = large.narrow(axis, 0, size)
        assert torch.equal(value, large)


@every_network
@every_width
def test_a_part_goes_out_and_back(name, width):
    model = build(name)
    w, part = moved(model), narrow(model, width, 1.0)
    assert torch.equal(w.index_copy(0, part.index, w[part.index]), w)
    if width == 1:
        assert torch.equal(w[part.index], w)


def test_a_part_by_hand():
    """2 inputs, 4 hidden, 3 classes at width 1/2: rows 0-1 of 4x2 and of 4, columns 0-1 of 3x4."""

    def family(width, scale):
        h = times(width, 4)
        return nn.Sequential(nn.Linear(2, h), nn.ReLU(), nn.Linear(h, 3))

    model = FlatModel(family(1.0, 1.0), family)
    index = narrow(model, 0.5, 1.0).index.tolist()
    weight, bias, rows = [0, 1, 2, 3], [8, 9], [12, 13, 16, 17, 20, 21]
    assert index == weight + bias + rows + [24, 25, 26]


@torch.no_grad()
@pytest.mark.parametrize("name", ["mlp", "preresnet_tiny"])
@pytest.mark.parametrize("width", [0.75, 0.5, 0.3])
def test_a_part_is_the_wide_network_without_the_other_channels(name, width):
    """A channel whose weights, shift and inputs are zero stays zero, through relu and shortcuts.

    Not so under GroupNorm or LayerNorm, where channels share their statistics.
    """
    model = build(name)
    w, part = moved(model), narrow(model, width, 1.0)
    without = torch.zeros(model.d).index_copy(0, part.index, w[part.index])
    expected = part.model.logits(w[part.index], images())
    torch.testing.assert_close(model.logits(without, images()), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(model.logits(w, images()), expected, atol=1e-2)


def test_a_part_of_a_wider_network_is_relative_to_it():
    wide, plain = build("cnn", 2.0), build("cnn")
    assert narrow(wide, 0.5, 1.0).model.shapes == plain.shapes


def test_networks_without_parts_are_refused():
    with pytest.raises(UserError, match=r"Linear has no narrower .*; use one of the models"):
        narrow(FlatModel(nn.Linear(2, 3)), 0.5, 1.0)
    deeper = FlatModel(nn.Linear(2, 3), lambda *_: nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3)))
    with pytest.raises(UserError, match="no narrower version"):
        narrow(deeper, 0.5, 1.0)
    wider = FlatModel(nn.Linear(2, 3), lambda *_: nn.Linear(2, 4))
    with pytest.raises(UserError, match="no narrower version"):
        narrow(wider, 0.5, 1.0)
    other = FlatModel(nn.Linear(2, 3), lambda *_: nn.Conv2d(2, 3, 1))
    with pytest.raises(UserError, match="no narrower version"):
        narrow(other, 0.5, 1.0)


# --- rows of the classifier -----------------------------------------------------------------


@every_network
@torch.no_grad()
def test_only_its_row_moves_the_logit_of_a_class(name):
    """The rows of class c decide logit c alone, and what belongs to no class is all the rest."""
    model = build(name)
    rows, w = class_rows(model, 5), moved(model)
    assert rows[-5:].tolist() == [0, 1, 2, 3, 4]
    before = model.logits(w, images())
    for c in range(5):
        changed = model.logits(torch.where(rows == c, w + 1, w), images()) != before
        assert changed[:, c].all()
        assert changed.sum() == len(changed)
        assert (rows == c).sum() == model.shapes[-2][1] + 1
    assert (rows == -1).sum() + 5 * (rows == 0).sum() == model.d


def test_a_last_layer_without_a_row_for_each_class_is_refused():
    with pytest.raises(UserError, match="its last layer 4 has 5 rows for 6 classes"):
        class_rows(FlatModel(nn.Sequential(*[nn.Linear(5, 5) for _ in range(5)])), 6)


# --- the scaler -----------------------------------------------------------------------------


def norms(network):
    kinds = (nn.GroupNorm, nn.LayerNorm)
    return [m for m in network.modules() if isinstance(m, kinds) or hasattr(m, "eps")]


@every_network
def test_no_scaler_without_scale_and_one_for_each_norm_with_it(name):
    """For the MLP one for its hidden layer. The parameters' order and shapes are the same."""
    model = build(name)
    plain, scaled = narrow(model, 0.5, 1.0).model, narrow(model, 0.5, 0.5).model
    assert plain.shapes == scaled.shapes
    assert plain.names == build(name, 0.5).names == model.names
    found = [sum(isinstance(m, Scaler) for m in part.network.modules()) for part in (plain, scaled)]
    assert found == [0, max(1, len(norms(plain.network)))]


@torch.no_grad()
def test_scaler_divides_what_comes_before_the_relu():
    """relu(h / s) = relu(h) / s, so in the MLP all but the last bias is divided by s."""
    model, s = build("mlp"), 0.5
    plain, scaled = narrow(model, s, 1.0), narrow(model, s, s)
    w = moved(model)[plain.index]
    bias = w[-5:]
    expected = bias + (plain.model.logits(w, images()) - bias) / s
    torch.testing.assert_close(scaled.model.logits(w, images()), expected)


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in SMALL if name != "mlp"])
def test_scaler_before_a_norm_makes_its_epsilon_smaller(name):
    """(x/s - mean/s) / sqrt(var/s^2 + eps) = (x - mean) / sqrt(var + s^2 eps)."""
    model, s = build(name), 0.25
    plain, scaled = narrow(model, 0.5, 1.0).model, narrow(model, 0.5, s).model
    w = moved(plain)
    results = []
    for part, eps in ((scaled, 1.0), (plain, s**2), (plain, 1.0)):
        for norm in norms(part.shell):
            norm.eps = eps  # so large that it matters
        results.append(part.logits(w, images()))
    found, expected, unscaled = results
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - unscaled).abs().max() > 1e-3
