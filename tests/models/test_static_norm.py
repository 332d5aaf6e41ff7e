"""Static batch norm is nn.BatchNorm2d, with cumulative statistics for evaluations."""

import pytest
import torch
from torch import nn

from zowarmup.models import static_norm
from zowarmup.models.flat import FlatModel
from zowarmup.models.static_norm import StaticNorm
from zowarmup.training import context


def network(norm):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        norm(4),
        nn.ReLU(),
        nn.Conv2d(4, 3, 3, stride=2),
        norm(3),
        nn.Flatten(),
        nn.Linear(27, 5),
    )


def pair():
    """A static network with weights, and PyTorch's, whose statistics are cumulative averages."""
    model = FlatModel(network(StaticNorm))
    w = model.initial(1) + 0.1 * torch.linspace(-9, 9, model.d).sin()
    reference = network(lambda channels: nn.BatchNorm2d(channels, momentum=None))
    named = dict(reference.named_parameters())
    assert list(named) == model.names
    for name, value in model.named(w).items():
        named[name].data = value.clone()
    return model, w, reference


def batches():
    """Of unequal sizes: every batch counts the same."""
    x = torch.linspace(0, 400, 17 * 2 * 64).view(17, 2, 8, 8).sin()
    return (x + torch.arange(17).view(-1, 1, 1, 1) / 8).split(7)


def test_training_normalises_with_the_batch():
    """Values and gradients, bit for bit."""
    model, w, reference = pair()
    x = batches()[0]
    w.requires_grad_()
    found = model.logits(w, x)
    expected = reference.train()(x)
    assert torch.equal(found, expected)
    (g,) = torch.autograd.grad(found.square().sum(), w)
    expected.square().sum().backward()
    assert torch.equal(g, torch.cat([p.grad.flatten() for p in reference.parameters()]))


@torch.no_grad()
def test_evaluation_normalises_with_the_collected_statistics():
    """As BatchNorm does after a pass in training mode, bit for bit."""
    model, w, reference = pair()
    reference.train()
    for x in batches():
        reference(x)
    statistics = static_norm.collect(model, w, batches())
    for name, (mean, var) in statistics.items():
        assert torch.equal(mean, reference.get_submodule(name).running_mean)
        assert torch.equal(var, reference.get_submodule(name).running_var)
    x = batches()[0][:3]
    with static_norm.using(model, statistics):
        assert torch.equal(model.logits(w, x), reference.eval()(x))


@torch.no_grad()
def test_statistics_are_means_over_batches_of_mean_and_unbiased_variance():
    """The first layer's input does not depend on statistics, so it can be computed by hand."""
    model, w, reference = pair()
    first = [reference[0](x) for x in batches()]
    mean, var = static_norm.collect(model, w, batches())["1"]
    means = torch.stack([h.mean(dim=(0, 2, 3)) for h in first])
    variances = torch.stack([h.var(dim=(0, 2, 3), correction=1) for h in first])
    torch.testing.assert_close(mean, means.mean(0))
    torch.testing.assert_close(var, variances.mean(0))


@torch.no_grad()
def test_an_image_is_judged_alone_within_and_by_its_batch_without():
    model, w, _ = pair()
    x = batches()[0]
    with static_norm.using(model, static_norm.collect(model, w, batches())):
        torch.testing.assert_close(model.logits(w, x)[:1], model.logits(w, x[:1]))
    assert not torch.allclose(model.logits(w, x)[:1], model.logits(w, x[:1]), atol=1e-2)


@torch.no_grad()
def test_nothing_stays_behind_even_after_an_error():
    model, w, _ = pair()
    x, before = batches()[0], w.clone()
    expected = model.logits(w, x)
    statistics = static_norm.collect(model, w, batches())
    with pytest.raises(RuntimeError), static_norm.using(model, statistics):
        model.logits(w, x[:, :1])  # a channel too few
    assert torch.equal(model.logits(w, x), expected)
    assert torch.equal(w, before)
    assert not list(model.shell.buffers())


def test_which_networks_need_statistics():
    has = {
        name: static_norm.has(context.model(name, (1, 8, 8), 10))
        for name in ("cnn", "preresnet_tiny", "preresnet_tiny_gn")
    }
    assert has == {"cnn": False, "preresnet_tiny": True, "preresnet_tiny_gn": False}
