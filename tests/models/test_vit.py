"""The Vision Transformer against PyTorch's own layers, and its first weights."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.functional import gelu

from zowarmup.common import seeds
from zowarmup.common.errors import UserError
from zowarmup.models.directions import gaussian
from zowarmup.training import context

HIDDEN, HEADS, MLP = 16, 2, 32  # of vit_tiny


def moved(model):
    """Weights at which biases and norms matter too."""
    w = model.initial(0)
    return w + 0.2 * torch.linspace(-300, 300, model.d).sin()


def encoder(block):
    """PyTorch's layer with the weights of a block."""
    layer = nn.TransformerEncoderLayer(
        HIDDEN,
        HEADS,
        MLP,
        dropout=0.0,
        activation=partial(gelu, approximate="tanh"),
        batch_first=True,
        norm_first=True,
    )
    ours, theirs = block.attention, layer.self_attn
    inputs = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([linear.weight for linear in inputs])
    theirs.in_proj_bias.data = torch.cat([linear.bias for linear in inputs])
    theirs.out_proj.load_state_dict(ours.output.state_dict())
    for name, part in {"norm1": "norm1", "norm2": "norm2", "linear1": "dense1"}.items():
        layer.get_submodule(name).load_state_dict(block.get_submodule(part).state_dict())
    layer.linear2.load_state_dict(block.dense2.state_dict())
    return layer


@torch.no_grad()
def test_forward_pass_is_that_of_pytorchs_encoder():
    """The embedding by unfolding: patch p of an image, read row by row, is token 1 + p."""
    model = context.model("vit_tiny", (3, 8, 8), 5)
    w = moved(model)
    vit, x = model.module(w), torch.linspace(-9, 9, 4 * 3 * 64).view(4, 3, 8, 8).sin()
    linear = vit.embedding.patches
    patches = nn.functional.unfold(x, 2, stride=2).mT @ linear.weight.flatten(1).T + linear.bias
    h = torch.cat((vit.embedding.token.expand(4, 1, HIDDEN), patches), dim=1)
    h = h + vit.embedding.positions
    assert h.shape == (4, 17, HIDDEN)
    for block in vit.blocks:
        h = encoder(block)(h)
    expected = h[:, 0] @ vit.linear.weight.T + vit.linear.bias
    torch.testing.assert_close(model.logits(w, x), expected, rtol=1e-4, atol=1e-5)


def test_initialisation_is_that_of_the_group():
    """N(0, std^2) for weights, token and positions, drawn from their names; biases 0, norms 1."""
    model, std = context.model("vit_tiny", (3, 8, 8), 5), 0.02 * 32**0.5
    drawn = []
    for name, value in model.named(model.initial(3)).items():
        if name.endswith("bias"):
            assert not value.any()
        elif "norm" in name:
            assert (value == 1).all()
        else:
            key = torch.tensor([seeds.signed(seeds.key("initialisation", 3, name))])
            assert torch.equal(value.flatten(), std * gaussian(key, 0, value.numel())[0])
            drawn.append(value.flatten())
    assert len(drawn) == 3 + 6 * 2 + 1
    # Of about 4,700 numbers: the standard error of their deviation is 1 percent of it.
    assert torch.cat(drawn).std().item() == pytest.approx(std, rel=0.04)


def test_the_group_and_the_miniature_start_with_outputs_of_the_same_size():
    """A Linear's output varies with std^2 times its inputs: 0.02^2 * 512 in vit_small_p4."""
    for name, std, inputs in (("vit_small_p4", 0.02, 512), ("vit_tiny", 0.02 * 32**0.5, 16)):
        network = context.model(name, (3, 8, 8), 5).network
        value = network.law(network.blocks[0].attention.query, "weight", 1)
        assert len(value) == inputs**2
        assert value.std().item() == pytest.approx(std, rel=0.1)
        assert std**2 * inputs == pytest.approx(0.2048)


def test_narrower_has_fewer_heads_of_the_same_size():
    for width, heads in ((0.5, 1), (0.25, 1), (1.5, 3)):
        attention = context.model("vit_tiny", (1, 8, 8), 10, width).network.blocks[0].attention
        assert attention.heads == heads
        assert attention.query.weight.shape == (8 * heads, 8 * heads)


def test_patches_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="images of 8x8 pixels cannot be cut into patches of 16x16"):
        context.model("vit_b16", (1, 8, 8), 10)
