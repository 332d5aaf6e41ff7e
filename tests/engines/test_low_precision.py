"""bfloat16 and channels-last: what they touch, what they leave alone, and how far they are off."""

import numpy as np
import pytest
import torch
from clients import FULL, directions_of
from small_runs import job_spec

from zowarmup.algorithms.engine_protocol import SGD, LocalZO
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.algorithms.zo import ZO
from zowarmup.common.seeds import Seeds, key
from zowarmup.data import dataset_file, federation
from zowarmup.engines import images
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.models.directions import permutations
from zowarmup.training import context

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE, SIZES, CLIENTS, S = (1, 8, 8), (40, 25, 32), (0, 1, 2), 4
NETWORKS = ["mlp", "cnn", "resnet_tiny", "preresnet_tiny", "vit_tiny"]


@pytest.fixture(scope="module")
def digits():
    return dataset_file.load_source("digits")


@pytest.fixture(scope="module")
def clients(digits):
    whole = images.part(digits, "train", torch.device("cpu"))
    return whole.cut(0, sum(SIZES)).split(SIZES)


def engines(name, clients, kind=Plain, **options):
    model = context.model(name, SHAPE, 10)
    return kind(model, clients, 16), kind(model, clients, 16, **options)


STEPS = SGD(8, 0.05)


def trained(engine, w, sgd=STEPS):
    visits = permutations(key("test precision"), (1,), range(6), max(SIZES))
    return torch.stack(list(engine.local_sgd(w, CLIENTS, visits.view(3, 2, -1), sgd)))


def between(a, b):
    return torch.nn.functional.cosine_similarity(a.flatten(), b.flatten(), dim=0).item()


@pytest.mark.parametrize("kind", [Plain, Layerwise])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_must_be_float32_keeps_its_bits(name, kind, clients):
    """Two-point losses, local zeroth-order steps and measured gradients ignore the setting."""
    exact, low = engines(name, clients, kind, precision="bfloat16")
    w, u = exact.model.initial(0), directions_of(CLIENTS, exact.d, S)
    a, b = (e.two_point(w, CLIENTS, u, radius=7.5e-5) for e in (exact, low))
    assert torch.equal(a, b)
    a, b = (torch.stack(list(e.each_gradient(w, CLIENTS))) for e in (exact, low))
    assert torch.equal(a, b)
    visits, zo = torch.arange(40).expand(3, 1, 40), LocalZO(64, 0.1, S, 1e-3, 0.75)
    walks = [list(e.local_zo_steps(w, CLIENTS, u, visits, zo)) for e in (exact, low)]
    for (w_i, met), (v_i, seen) in zip(*walks, strict=True):
        assert torch.equal(w_i, v_i)
        assert torch.equal(met, seen)


def test_a_two_point_round_keeps_its_bits(clients):
    exact, low = engines("resnet_tiny", clients, precision="bfloat16")
    w, cohort = exact.model.initial(0), Cohort(CLIENTS, SIZES)
    rounds = [ZO(lr=0.1).round(State(w), 1, cohort, e, Seeds(0, 0, 0))[0].w for e in (exact, low)]
    assert torch.equal(*rounds)
    other = ZO(lr=0.1, estimator="directional")
    rounds = [other.round(State(w), 1, cohort, e, Seeds(0, 0, 0))[0].w for e in (exact, low)]
    assert not torch.equal(*rounds)


@pytest.mark.parametrize(
    ("name", "limit"),
    list(zip(NETWORKS, (0.02, 0.06, 0.08, 0.15, 0.02), strict=True)),
)
def test_slopes_in_bfloat16_are_those_of_float32_to_some_percent(name, limit, clients):
    """Slopes spread by |g|; of it is the error, root mean square over 60 of them.

    A rounding of bfloat16 is 0.4 %. Twice the errors of one CPU are allowed: 0.9, 2.8, 3.6,
    7.2 (norms over batches of 16) and 0.8 %.
    """
    exact, low = engines(name, clients, precision="bfloat16")
    w, u = exact.model.initial(0), directions_of(CLIENTS, exact.d, 20)
    a, b = (e.directional_derivatives(w, CLIENTS, u) for e in (exact, low))
    lengths = torch.stack([g.double().norm() for g in exact.each_gradient(w, CLIENTS)])
    error = ((a - b) / lengths[:, None]).square().mean().sqrt()
    assert 1e-5 < error < limit


@pytest.mark.parametrize("name", NETWORKS)
def test_training_in_bfloat16_goes_the_same_way(name, clients):
    """Steps are float32 and of the same direction; the same bits each time."""
    exact, low = engines(name, clients, precision="bfloat16")
    w = exact.model.initial(0)
    a, b = trained(exact, w) - w, trained(low, w) - w
    assert b.dtype == torch.float32
    assert not torch.equal(a, b)
    assert between(a, b) > 0.98
    assert torch.equal(trained(low, w) - w, b)
    full = trained(low, w, FULL)
    assert full.isfinite().all()


def test_an_update_below_the_rounding_of_bfloat16_is_not_lost(clients):
    """Weights are float32: a step of 1e-6 of w shows."""
    _, low = engines("mlp", clients, precision="bfloat16")
    w = low.model.initial(0)
    moved = (trained(low, w, SGD(64, 1e-6)) - w).abs()
    assert moved.max() > 0
    assert moved.max() < 1e-4 * w.abs().max()


@pytest.mark.parametrize("name", ["cnn", "resnet_tiny", "vit_tiny"])
@pytest.mark.parametrize("kind", [Plain, Layerwise])
def test_channels_last_changes_roundings_only(name, kind, clients):
    """A client's losses and its model, through every kind of layer."""
    first, last = engines(name, clients, kind, channels_last=True)
    w, u = first.model.initial(0), directions_of(CLIENTS, first.d, S)
    a, b = (e.two_point(w, CLIENTS, u, radius=1e-3) for e in (first, last))
    torch.testing.assert_close(a, b, rtol=1e-6, atol=0)
    torch.testing.assert_close(trained(first, w), trained(last, w), rtol=1e-4, atol=2e-5)


def test_channels_last_is_the_layout_in_memory():
    data = images.whole(
        torch.arange(2 * 3 * 25, dtype=torch.uint8).view(2, 3, 5, 5),
        torch.zeros(2, dtype=torch.int64),
        images.Scaling(torch.tensor(255.0), torch.zeros(3, 1, 1), torch.ones(3, 1, 1)),
    )
    engine = Plain(context.model("cnn", (3, 5, 5), 2), [data], 8, channels_last=True)
    assert engine.x(data).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(engine.x(data), data.x())
    assert engine.with_model(engine.model).channels_last


def test_the_settings_of_a_run_reach_its_engine(digits):
    dealt = federation.build(digits, clients=10, alpha=0.5, holdout=0.1, seed=0)
    for settings in (
        {"name": "plain", "precision": "bfloat16", "channels_last": True},
        {"name": "layerwise", "precision": "float32", "channels_last": False},
    ):
        made = context.assemble(job_spec(engine=settings), digits, dealt).engine
        assert {"precision": made.precision, "channels_last": made.channels_last} == {
            key: settings[key] for key in ("precision", "channels_last")
        }


# --- the estimator "directional" is the limit of "two_point" --------------------------------


def in_float64(digits, n):
    """Real images, normalised in float64, of two clients."""
    scale, mean, std = (
        torch.tensor(v, dtype=torch.float64) for v in (digits.scale, digits.mean, digits.std)
    )
    scaling = images.Scaling(scale, mean[:, None, None], std[:, None, None])
    raw, y = torch.from_numpy(digits.x_train[:n]), torch.from_numpy(digits.y_train[:n])
    return images.whole(raw, y, scaling).split(n // 2)


@pytest.mark.parametrize("distribution", ["rademacher", "gaussian"])
def test_the_difference_of_the_estimators_is_of_second_order(digits, distribution):
    """c(eps) - c(0) = eps^2 tau^3 D^3 L[u, u, u] / 6 + O(eps^4), for a network without kinks.

    Halving eps divides it by 4, here within 2 % over four halvings, in float64, for a vision
    transformer (GELU) on real images.
    """
    model, data = context.model("vit_tiny", SHAPE, 10), in_float64(digits, 40)
    engine, w = Plain(model, data, 16), model.initial(0).double()
    u = directions_of((0, 1), model.d, 3, distribution=distribution)
    tau = 0.75
    directional_derivatives = tau * engine.directional_derivatives(w, (0, 1), u)
    errors = []
    for eps in (4e-3, 2e-3, 1e-3, 5e-4, 2.5e-4):
        losses = engine.two_point(w, (0, 1), u, radius=eps * tau)
        errors.append((losses[..., 0] - losses[..., 1]) / (2 * eps) - directional_derivatives)
    sizes = torch.stack(errors).square().mean((1, 2)).sqrt()
    ratios = (sizes[:-1] / sizes[1:]).tolist()
    assert directional_derivatives.abs().min() > 100 * sizes[-1]
    assert ratios == pytest.approx([4.0] * 4, rel=0.02), sizes


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_cuda_bfloat16_trains_and_no_tf32_probes(digits):
    """TF32 is off whatever the precision of training, and the probe has the bits of float32."""
    dealt = federation.build(digits, clients=10, alpha=0.5, holdout=0.1, seed=0)
    found = []
    for precision in ("float32", "bfloat16"):
        own = {"name": "plain", "device": "cuda", "precision": precision, "channels_last": True}
        here = context.assemble(job_spec(model="resnet_tiny", engine=own), digits, dealt)
        assert not torch.backends.cuda.matmul.allow_tf32
        assert not torch.backends.cudnn.allow_tf32
        assert here.train.raw.is_cuda
        assert here.heldout.raw.data_ptr() == here.train.raw.data_ptr()
        w = here.model.initial(0).cuda()
        u = directions_of((0, 1), here.model.d, S, device="cuda")
        visits = torch.arange(200).expand(2, 1, 200)
        step = torch.stack(list(here.engine.local_sgd(w, (0, 1), visits, SGD(16, 0.05)))) - w
        found.append((here.engine.two_point(w, (0, 1), u, radius=7.5e-5), step, here.train))
    assert torch.equal(found[0][0], found[1][0])
    assert between(found[0][1], found[1][1]) > 0.99
    expected = digits.images("train")[np.concatenate(dealt.train)]
    assert found[0][2].x().cpu().numpy().tobytes() == expected.tobytes()
