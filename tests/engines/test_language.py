"""Engines, evaluation and zeroth-order subsets with a label for each token."""

from math import log

import pytest
import torch
from texts import T, clients, model
from torch.nn.functional import cross_entropy

from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.algorithms.rounds import Cohort
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_subset import ZOSubset
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.engines.layerwise import Layerwise
from zowarmup.engines.plain import Plain
from zowarmup.engines.vmap import Vmap
from zowarmup.models.directions import draw
from zowarmup.models.width import narrow
from zowarmup.training.evaluate import outcomes

MODEL, DATA = model(), clients(5, 3)
W = MODEL.initial(0)
PLAIN = Plain(MODEL, DATA, micro_batch=2)
EQUAL = {"atol": 1e-5, "rtol": 1e-5}
ORDERS = torch.arange(5).expand(2, 1, 5)


def test_no_token_sees_a_later_one() -> None:
    x = DATA[0].x()
    other = x.clone()
    other[:, 5] = (other[:, 5] + 1) % 32
    out, changed = MODEL.logits(W, x), MODEL.logits(W, other)
    torch.testing.assert_close(out[:, :5], changed[:, :5])
    assert (out[:, 5] != changed[:, 5]).any()


def test_the_loss_is_the_mean_over_all_tokens() -> None:
    """Both sides of w + 0 u are w; before any training the loss is about that of guessing."""
    losses = PLAIN.two_point(W, (0, 1), draw(0, 1, (0, 1), 1, MODEL.d), 0.0)
    for client, measured in enumerate(losses[:, 0, 0]):
        out = MODEL.logits(W, DATA[client].x())
        expected = cross_entropy(out.reshape(-1, 32), DATA[client].y.reshape(-1))
        assert measured.item() == pytest.approx(expected.item(), rel=1e-6)
        assert measured.item() == pytest.approx(log(32), abs=0.3)


def test_the_gradient_is_that_of_the_mean() -> None:
    w = W.clone().requires_grad_()
    out = MODEL.logits(w, DATA[0].x())
    (g,) = torch.autograd.grad(cross_entropy(out.reshape(-1, 32), DATA[0].y.reshape(-1)), w)
    torch.testing.assert_close(next(iter(PLAIN.each_gradient(W, (0,)))), g, **EQUAL)


@pytest.mark.parametrize("kind", [Vmap, Layerwise])
def test_engines_agree(kind: type[Vmap] | type[Layerwise]) -> None:
    engine, u = kind(MODEL, DATA, 2), draw(0, 1, (0, 1), 3, MODEL.d)
    for radius in (1e-3, 0.0):
        mine, plain = (e.two_point(W, (0, 1), u, radius) for e in (engine, PLAIN))
        torch.testing.assert_close(mine, plain, **EQUAL)
    mine, plain = (e.directional_derivatives(W, (0, 1), u) for e in (engine, PLAIN))
    torch.testing.assert_close(mine, plain, atol=1e-4, rtol=1e-4)
    for sgd in (SGD(2, 0.1), SGD(2, 0.1, masked=True)):
        trained = [list(e.local_sgd(W, (0, 1), ORDERS, sgd)) for e in (engine, PLAIN)]
        torch.testing.assert_close(trained[0], trained[1], **EQUAL)
    assert torch.equal(engine.labels((0, 1)), PLAIN.labels((0, 1)))


def test_labels_are_the_tokens_that_a_client_predicts() -> None:
    present = PLAIN.labels((1,))[0]
    assert sorted(set(DATA[1].y.flatten().tolist())) == present.nonzero().flatten().tolist()


def test_the_evaluation_counts_tokens() -> None:
    losses, right = outcomes(MODEL, W, DATA[0])
    out = MODEL.logits(W, DATA[0].x())
    assert losses.shape == (5,)
    assert torch.equal(right, out.argmax(-1) == DATA[0].y)
    assert right.shape == (5, T)
    expected = cross_entropy(out.reshape(-1, 32), DATA[0].y.reshape(-1))
    assert losses.mean().item() == pytest.approx(expected.item(), rel=1e-6)


def test_a_narrow_network_is_a_part_of_the_wide_one() -> None:
    part = narrow(MODEL, 0.5, 1.0)
    assert part.model.logits(W[part.index], DATA[0].x()).shape == (5, T, 32)


# --- a subset of the parameters -------------------------------------------------------------


COHORT = Cohort((0, 1), (5, 3), frozenset())


@pytest.mark.parametrize("engine", [PLAIN, Vmap(MODEL, DATA, 2), Layerwise(MODEL, DATA, 2)])
@pytest.mark.parametrize("parameters", ["norms_biases", "last_layer", "last_block"])
def test_other_parameters_stay(engine: Plain | Vmap, parameters: str) -> None:
    method = ZOSubset(lr=0.1, parameters=parameters).of_model(MODEL)
    state, seeds = method.begin(W), Seeds(0, 0, 0)
    new, report = method.round(state, 1, COHORT, engine, seeds)
    assert torch.equal(new.w[method.mask == 0], W[method.mask == 0])
    assert 0 < (new.w != W).sum() <= method.mask.sum() < MODEL.d
    assert report.record is not None
    assert torch.equal(method.apply(state, report.record, seeds).w, new.w)


def test_all_parameters_are_plain_zo() -> None:
    new = [
        method.round(method.begin(W), 1, COHORT, PLAIN, Seeds(0, 0, 0))[0].w
        for method in (ZO(lr=0.1), ZOSubset(lr=0.1, parameters="all").of_model(MODEL))
    ]
    assert torch.equal(*new)


def test_what_trains() -> None:
    chosen = {
        p: ZOSubset(lr=0.1, parameters=p) for p in ("norms_biases", "last_layer", "last_block")
    }
    names = {p: [n for n in MODEL.names if m.trains(MODEL, n)] for p, m in chosen.items()}
    assert all(".bias" in n or "norm" in n for n in names["norms_biases"])
    assert names["last_layer"] == ["linear.weight", "linear.bias"]
    assert names["last_block"][0] == "blocks.1.norm1.weight"
    assert names["last_block"][-4:-2] == ["norm.weight", "norm.bias"]


def test_a_network_without_blocks() -> None:
    from toys import linear

    with pytest.raises(UserError, match="has no blocks"):
        ZOSubset(lr=0.1, parameters="last_block").of_model(linear(3).model)
