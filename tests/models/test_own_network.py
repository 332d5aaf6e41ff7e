"""Networks in a user's file, see tests/own_nets.py: flat, on disk and in every engine.

A network is what torch makes of it: its own weights, its own forward pass, its own gradient.
"""

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import toys
import workbench
from clients import EPS, TAU, S, directions_of, normal, trained
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from toys import dealt

from zowarmup.algorithms.heterofl import HeteroFL
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.engines.batched import Batched
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.inspection import models
from zowarmup.models import own_network
from zowarmup.models.flat import FlatModel
from zowarmup.models.own_network import Factory
from zowarmup.models.width import narrow
from zowarmup.plan.specs import NetworkSpec
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import About
from zowarmup.training import context

pytestmark = pytest.mark.usefixtures("one_thread")

CLASSES, SIZES, MEMBERS = 10, (6, 3, 6), (0, 1, 2)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("Recurrent", {"kind": "LSTM"}),
    "gru": ("Recurrent", {"kind": "GRU", "hidden": 5}),
    "static norm": ("Normed", {"norm": "StaticNorm"}),
    "tied": ("Tied", {}),
    "decoder": ("Decoder", {}),
    "frozen": ("Frozen", {}),
    "positional": ("Positional", {}),
    "twice": ("Twice", {}),
    "rooted": ("Rooted", {}),
    "attentive": ("Attentive", {}),
    "encoder": ("encoder", {}),
    "chained": ("chained", {}),
    "mobilenet": ("mobilenet", {}),
}
# Its error, where an engine cannot run a network; the check of a network names the engine plain.
UNABLE = {
    ("lstm", Vmap): "Batching rule not implemented for aten::lstm",
    ("gru", Vmap): "Batching rule not implemented for aten::gru",
    ("rooted", Layerwise): "no attribute '0'",
    ("attentive", Layerwise): "no attribute 'weight'",
    ("encoder", Layerwise): "no attribute 'in_proj_",
}
ABLE = [
    pytest.param(kind, name, id=f"{kind.__name__} {name}")
    for kind in (Layerwise, Vmap)
    for name in NETWORKS
    if (name, kind) not in UNABLE
]
every_network = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's file."""
    folder = tmp_path_factory.mktemp("own")
    return Path(shutil.copy(workbench.PROJECT / "tests/own_nets.py", folder / "my_nets.py"))


def shape_of(name: str) -> tuple[int, int, int]:
    return (3, 16, 16) if name == "mobilenet" else (1, 8, 8)


def spec_of(file: Path, name: str) -> NetworkSpec:
    build, arguments = NETWORKS[name]
    return NetworkSpec(source=f"{file}:{build}", arguments=arguments)


def factory_of(file: Path, name: str) -> Factory:
    own = spec_of(file, name)
    return own_network.of_file(own.source, own.arguments)


@cache
def model_of(file: Path, name: str) -> FlatModel:
    return own_network.build(factory_of(file, name), shape_of(name), CLASSES, 1.0)


def module_of(file: Path, name: str, seed: int = 3) -> nn.Module:
    """The module that the user's code makes, in the mode in which a federation uses it."""
    return factory_of(file, name).module(shape_of(name), CLASSES, seed).eval()


def built(file: Path, name: str, width: float = 1.0, **arguments: Any) -> FlatModel:
    """A function of the file, for images of digits."""
    factory = own_network.of_file(f"{file}:{name}", arguments)
    return own_network.build(factory, (1, 8, 8), CLASSES, width)


def images(name: str, n: int = 4) -> Tensor:
    return normal(f"{name} {n}", n, *shape_of(name))


def clients_of(name: str) -> list[tuple[Tensor, Tensor]]:
    return [
        (normal(f"client {i}", n, *shape_of(name)), (torch.arange(n) + i) % CLASSES)
        for i, n in enumerate(SIZES)
    ]


def refusal(file: Path, name: str, width: float = 1.0, **arguments: Any) -> str:
    with pytest.raises(UserError) as caught:
        built(file, name, width, **arguments)
    return str(caught.value)


@every_network
@torch.no_grad()
def test_the_flat_view_is_the_network_of_the_user(file: Path, name: str) -> None:
    model, own, x = model_of(file, name), module_of(file, name), images(name)
    w = model.initial(3)
    expected = own(x)
    assert torch.equal(model.logits(w, x), expected)
    assert torch.equal(model.module(w)(x), expected)
    assert torch.equal(model.flatten(model.named(w)), w)
    own_names = [key for key, p in own.named_parameters() if p.requires_grad]
    assert model.names == own_names


@every_network
def test_the_gradient_is_that_of_autograd_on_the_network(file: Path, name: str) -> None:
    """A tensor that two layers share has one gradient, the sum of both uses."""
    model, own, x = model_of(file, name), module_of(file, name), images(name)
    w = model.initial(3).requires_grad_()
    y = torch.tensor([0, 4, 2, 1])
    (g,) = torch.autograd.grad(cross_entropy(model.logits(w, x), y), w)
    trains = [p for p in own.parameters() if p.requires_grad]
    expected = torch.autograd.grad(cross_entropy(own(x), y), trains)
    torch.testing.assert_close(g, torch.cat([p.flatten() for p in expected]), rtol=1e-4, atol=1e-6)
    assert g.any()


@every_network
@torch.no_grad()
def test_two_point_losses_are_those_of_the_network_moved(file: Path, name: str) -> None:
    """At w + radius u and w - radius u in the user's own module, for a client of six images."""
    model, own, (x, y) = model_of(file, name), module_of(file, name), clients_of(name)[0]
    w, u = model.initial(3), directions_of([0], model.d, 1)
    losses = Plain(model, dealt(clients_of(name)), 64).two_point(w, [0], u, radius=1e-2)
    for k, sign in enumerate((1, -1)):
        parts = model.named(w + sign * 1e-2 * u.dense[0])
        for key, p in own.named_parameters():
            if p.requires_grad:
                p.copy_(parts[key])
        expected = cross_entropy(own(x), y, reduction="none").double().mean()
        torch.testing.assert_close(losses[0, 0, k], expected, rtol=1e-6, atol=0)
    assert losses[0, 0, 0] != losses[0, 0, 1]


@every_network
def test_a_module_has_the_structure_of_the_users(file: Path, name: str) -> None:
    """Shared tensors stay shared, frozen ones frozen, buffers buffers."""
    model, own = model_of(file, name), module_of(file, name)
    copy = model.module(model.initial(3))
    assert [*copy.state_dict()] == [*own.state_dict()]
    assert all(
        torch.equal(copy.state_dict()[key], value) for key, value in own.state_dict().items()
    )
    assert [(k, p.requires_grad) for k, p in copy.named_parameters()] == [
        (k, p.requires_grad) for k, p in own.named_parameters()
    ]
    assert len(list(copy.parameters())) == len(list(own.parameters()))
    assert {k for k, _ in copy.named_buffers()} == {k for k, _ in own.named_buffers()}


@every_network
def test_a_checkpoint_builds_the_network_again(file: Path, name: str, tmp_path: Path) -> None:
    model, w = model_of(file, name), model_of(file, name).initial(5)
    about = About(
        model="mine", network=spec_of(file, name), width=1.0, shape=shape_of(name),
        classes=CLASSES, round=7,
    )  # fmt: skip
    checkpoint.save(tmp_path / "w.safetensors", model, State(w), about)
    assert checkpoint.load(tmp_path / "w.safetensors").about == about
    assert torch.equal(checkpoint.weights(tmp_path / "w.safetensors", model), w)
    loaded = models.load(tmp_path / "w.safetensors")
    with torch.no_grad():
        assert torch.equal(loaded.module()(images(name)), model.logits(w, images(name)))
    models.export(loaded, tmp_path / "w.pt")
    module_of(file, name).load_state_dict(torch.load(tmp_path / "w.pt", weights_only=True))


@pytest.mark.parametrize(("kind", "name"), ABLE)
def test_engines_agree(file: Path, name: str, kind: type[Plain] | type[Vmap]) -> None:
    """As tightly as in tests/engines; layerwise bit for bit."""
    model, data = model_of(file, name), dealt(clients_of(name))
    plain, other, w = Plain(model, data, 64), kind(model, data, 64), model.initial(3)
    u = directions_of(MEMBERS, model.d)
    expected = plain.two_point(w, MEMBERS, u, radius=EPS * TAU)
    losses = other.two_point(w, MEMBERS, u, radius=EPS * TAU)
    torch.testing.assert_close(losses, expected, rtol=5e-7, atol=0)
    assert kind is Vmap or torch.equal(losses, expected)
    slopes = [e.directional_derivatives(w, MEMBERS, u) for e in (other, plain)]
    torch.testing.assert_close(*slopes, rtol=1e-5, atol=4e-5)
    local = [trained(e, w, MEMBERS, n=max(SIZES)) for e in (other, plain)]
    torch.testing.assert_close(*local, rtol=1e-5, atol=2e-6)
    assert (local[1] - w).abs().max() > 0.01
    assert losses.shape == (len(MEMBERS), S, 2)


@pytest.mark.parametrize(("case", "error"), UNABLE.items(), ids=lambda value: str(value))
def test_an_engine_that_cannot_run_a_network_fails(
    file: Path, case: tuple[str, Any], error: str
) -> None:
    """And computes nothing with the weights of another pass, which the network still holds."""
    name, kind = case
    model, data = model_of(file, name), dealt(clients_of(name))
    model.logits(model.initial(4), images(name))
    engine, u = kind(model, data, 64), directions_of(MEMBERS, model.d)
    with pytest.raises((AttributeError, RuntimeError), match=error):
        engine.two_point(model.initial(3), MEMBERS, u, radius=EPS * TAU)


@pytest.mark.parametrize("name", sorted({*NETWORKS} - {"chained"}))
def test_the_engine_batched_takes_simple_chains_alone(file: Path, name: str) -> None:
    said = r"^engine batched cannot .*; set engine\.name to vmap or plain$"
    with pytest.raises(UserError, match=said):
        Batched(model_of(file, name), dealt(clients_of(name)), 64)


def test_the_engine_batched_runs_a_simple_chain(file: Path) -> None:
    model, data = model_of(file, "chained"), dealt(clients_of("chained"))
    w, u = model.initial(3), directions_of(MEMBERS, model.d)
    losses = [
        e(model, data, 64).two_point(w, MEMBERS, u, radius=EPS * TAU) for e in (Batched, Plain)
    ]
    torch.testing.assert_close(*losses, rtol=5e-7, atol=0)


@every_network
def test_the_users_code_draws_the_first_weights(file: Path, name: str) -> None:
    """From the seed alone, whatever was drawn before, and nothing of the global state moves."""
    model = model_of(file, name)
    before = torch.random.get_rng_state()
    w = model.initial(3)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.rand(3)
    assert torch.equal(model.initial(3), w)
    assert not torch.equal(model.initial(4), w)
    assert w.dtype == torch.float32
    assert w.device.type == "cpu"


def test_a_law_of_the_users_is_kept(file: Path) -> None:
    """Orthogonal rows, which no default of this project draws."""
    model = model_of(file, "chained")
    matrix = model.named(model.initial(0))["1.weight"]
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(8), rtol=0, atol=1e-6)


@pytest.mark.bits
@every_network
def test_the_first_weights_do_not_depend_on_the_threads(file: Path, name: str) -> None:
    first = model_of(file, name).initial(3)
    torch.set_num_threads(2)
    assert torch.equal(model_of(file, name).initial(3), first)


@pytest.mark.parametrize(
    ("name", "arguments", "parts"),
    [
        (
            "Normed",
            {},
            ["norm is a BatchNorm2d", "use LayerNorm", "static_norm.StaticNorm"],
        ),
        (
            "Normed",
            {"norm": "SyncBatchNorm"},
            ["norm is a SyncBatchNorm", "use LayerNorm"],
        ),
        ("Lazy", {}, ["head is a LazyLinear", "give its number of inputs"]),
        ("Tied", {"hiden": 3}, ["got an unexpected keyword argument 'hiden'"]),
        ("tied", {}, ["has no tied", "Tied"]),
    ],
)
def test_a_network_that_no_round_can_carry(
    file: Path, name: str, arguments: dict[str, Any], parts: list[str]
) -> None:
    said = refusal(file, name, **arguments)
    for part in parts:
        assert part in said, said


@pytest.mark.parametrize("name", ["Tied", "unscaled"])
def test_another_width_needs_both_keywords(file: Path, name: str) -> None:
    said = refusal(file, name, width=0.5)
    assert said == (
        f"width: 0.5: {file}:{name} takes no keywords `width` and `scale`; leave the key out, or "
        "give the function both"
    )


def test_a_width_without_scale_is_an_argument_like_others(file: Path) -> None:
    """A network whose own `width` counts units kept one unit of them."""
    assert built(file, "unscaled").d == built(file, "wide").d
    factory = own_network.of_file(f"{file}:unscaled", {"width": 0.5})
    half = own_network.build(factory, (1, 8, 8), CLASSES, 1.0)
    assert half.d == built(file, "wide", 0.5).d


def test_heterofl_cuts_a_network_that_takes_width_and_scale(file: Path) -> None:
    """As it cuts the built-in network behind the user's function, bit for bit."""
    own = own_network.build(own_network.of_file(f"{file}:wide", {}), (1, 3, 3), toys.CLASSES, 1.0)
    built_in = context.model("mlp", (1, 3, 3), toys.CLASSES)
    data, method = dealt(toys.clients(4, 6, 5)), HeteroFL(0.1, rate=0.25, batch=3)
    members, w = Cohort((0, 1, 2), (4, 6, 5), frozenset((0, 2))), built_in.initial(2)
    after = [
        method.round(State(w), 1, members, Plain(model, data, 64), Seeds(0, 0, 0))[0].w
        for model in (own, built_in)
    ]
    assert torch.equal(*after)
    assert not torch.equal(after[0], w)
    part = narrow(own, 0.25, 0.25)
    assert part.model.d < own.d
    assert part.model.shapes == narrow(built_in, 0.25, 0.25).model.shapes


@pytest.mark.parametrize(
    ("name", "rate", "scale", "part"),
    [
        ("Tied", 0.5, 1.0, "Tied has no narrower version whose parameters are first blocks"),
        ("unscaled", 0.5, 0.5, "the keywords `width`, a multiple of its channels, and `scale`"),
    ],
)
def test_heterofl_refuses_a_network_that_it_cannot_cut(
    file: Path, name: str, rate: float, scale: float, part: str
) -> None:
    model = built(file, name)
    with pytest.raises(UserError) as caught:
        narrow(model, rate, scale)
    assert part in str(caught.value)


def test_width_reaches_the_users_function(file: Path) -> None:
    widths = [built(file, "wide", w).d for w in (0.5, 1, 2)]
    assert widths == [64 * h + h + h * CLASSES + CLASSES for h in (16, 32, 64)]
