"""The engine that makes perturbed weights layer by layer is plain, bit for bit, in less memory."""

import pytest
import torch
from toys import dealt

from zowarmup.common.seeds import key
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.models import directions, layerwise
from zowarmup.training import context

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(params=["mlp", "cnn", "resnet8", "preresnet_tiny", "vit_tiny"])
def model(request):
    return context.model(request.param, (3, 8, 8), 5)


def images(n):
    generator = torch.Generator().manual_seed(key("test", "layerwise") % 2**63)
    return torch.randn(n, 3, 8, 8, generator=generator), torch.arange(n) % 5


@pytest.mark.bits
@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_losses_are_those_of_plain(model, distribution):
    w, data = model.initial(0), [images(7), images(4)]
    u = directions.draw(0, 1, [0, 1], 2, model.d, distribution=distribution)
    before = w.clone()
    expected = Plain(model, dealt(data), 3).two_point(w, (0, 1), u, radius=1e-3)
    assert torch.equal(
        Layerwise(model, dealt(data), 3).two_point(w, (0, 1), u, radius=1e-3), expected
    )
    assert torch.equal(w, before)


@pytest.mark.bits
@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_long_directions_too(model, distribution, monkeypatch):
    """Both engines make them in pieces, of sizes of their own."""
    monkeypatch.setattr(directions, "DENSE", 0)
    monkeypatch.setitem(directions.CHUNK, "cpu", 1000)
    w, data = model.initial(0), [images(3), images(2)]
    u = directions.draw(0, 1, [0, 1], 2, model.d, distribution=distribution)
    data = dealt(data)
    losses = [
        kind(model, data, 3).two_point(w, (0, 1), u, radius=1e-3) for kind in (Plain, Layerwise)
    ]
    assert torch.equal(*losses)


def test_parameters_exist_one_layer_at_a_time(model):
    """What is alive at any time is one layer's; each parameter is made once, all are."""
    w, made, alive = model.initial(0), [], []

    def part(start, stop):
        alive[:] = [name for name, module in model.shell.named_modules() if held(module)]
        made.append((start, stop))
        return w[start:stop].clone()

    def held(module):
        return any(torch.is_tensor(value) for value in vars(module).values())

    out = layerwise.logits(model, part, images(2)[0])
    assert torch.equal(out, model.logits(w, images(2)[0]))
    assert len(alive) <= 1
    assert sorted(made)[0][0] == 0
    assert sum(stop - start for start, stop in made) == model.d


def test_no_hook_stays_behind(model):
    w = model.initial(0)
    layerwise.logits(model, lambda a, b: w[a:b], images(2)[0])
    hooks = [m for m in model.shell.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert not hooks
