"""The subset of the parameters that is chosen by its measured gain."""

import math
from dataclasses import replace

import pytest
import torch
import toys
from torch import Tensor

from zowarmup.algorithms import subset_gain
from zowarmup.algorithms.rounds import Cohort, RoundRecord
from zowarmup.algorithms.subset_gain import Promise
from zowarmup.algorithms.zo_subset import ZOSubset
from zowarmup.algorithms.zo_subset_auto import ALL, OfGains, ZOSubsetAuto, best
from zowarmup.common.errors import UserError
from zowarmup.common.seeds import Seeds
from zowarmup.models import loss

SEEDS = Seeds(0, 5, 3)
COHORT = Cohort((0, 1), (6, 10), frozenset({1}))
ENGINE = toys.named(6, 10, hidden=5)
METHOD = ZOSubsetAuto(lr=0.05, eps=1e-3).of_model(ENGINE.model)
W = toys.random(ENGINE.d, name="w")
D = 512


def loss_of(w: Tensor) -> Tensor:
    """The mean loss of all images, from which autograd gives gradient and Hessian."""
    sums = [loss.total(ENGINE.model.logits(w, x.x()), x.y) for x in ENGINE.data]
    return torch.stack(sums).sum() / sum(COHORT.sizes)


def measured(method: OfGains, cohort: Cohort = COHORT, r: float = 1e-3) -> dict[str, Promise]:
    one = subset_gain.measurement(ENGINE, cohort, W, 1, seed=3, D=D, r=r, P=6)
    masks = [one.mask for one in method.subsets.values()]
    return dict(zip(method.subsets, one.of(masks), strict=True))


def test_what_is_measured_agrees_with_autograd() -> None:
    """|g|^2 and the curvature along the high-resource client's gradient, within each subset."""
    g = torch.func.grad(loss_of)(W)
    h = next(iter(ENGINE.each_gradient(W, [0])))
    H = torch.func.jacrev(torch.func.grad(loss_of))(W)
    gradients = list(ENGINE.each_gradient(W, [0, 1]))
    for name, promise in measured(METHOD).items():
        m = METHOD.subsets[name].mask
        square = (m * g).square().sum().item()
        own = sum(
            p * (m * g_i).square().sum() for p, g_i in zip(COHORT.weights, gradients, strict=True)
        )
        trace, mh = (m * H.diagonal()).sum(), m * h
        limit = mh @ H @ mh / mh.square().sum() + max(own / square * trace / 6, torch.tensor(0.0))
        assert promise.square == pytest.approx(square, rel=0.2), name  # sqrt(2 / 512) is 6 %
        assert promise.limit == pytest.approx(limit.item(), rel=0.2), name


def test_without_high_resource_clients_the_trace_alone_limits() -> None:
    """No client may backpropagate, so there is no h; a negative trace then promises nothing."""
    low = measured(METHOD, replace(COHORT, low=frozenset({0, 1})))
    both = measured(METHOD)
    assert low.keys() == both.keys()
    for name, one in low.items():
        assert one.square == both[name].square
        assert one.limit != both[name].limit
        assert (one.gain > 0) == (one.limit > 0)


def test_a_rate_grows_as_the_limit_falls() -> None:
    promises = {ALL: Promise(4.0, 8.0), "last_layer": Promise(2.0, 2.0)}
    assert best(promises, 0.1) == ("last_layer", 0.1 * 8 / 2)
    assert best(promises | {ALL: Promise(10.0, 8.0)}, 0.1) == (ALL, 0.1)


@pytest.mark.parametrize("limit", [-1.0, 0.0, math.nan, math.inf])
def test_a_gain_that_cannot_be_told_is_never_taken(limit: float) -> None:
    unknown, good = Promise(100.0, limit), Promise(1.0, 2.0)
    assert best({ALL: good, "last_layer": unknown}, 0.1) == (ALL, 0.1)
    assert best({ALL: unknown, "last_layer": good}, 0.1) == ("last_layer", 0.1)
    assert best({ALL: unknown, "last_layer": unknown}, 0.1) == (ALL, 0.1)


def rounds(method: OfGains, count: int) -> list[RoundRecord]:
    state, records = method.begin(W), []
    for t in range(1, count + 1):
        state, report = method.round(state, t, COHORT, ENGINE, SEEDS)
        assert report.record is not None
        records.append(report.record)
    return records


def test_only_the_first_round_measures_and_all_train_its_choice() -> None:
    first, *others = rounds(METHOD, 3)
    assert first.gains is not None
    assert first.subset == max(first.gains, key=first.gains.__getitem__)
    assert [one.gains for one in others] == [None, None]
    assert {one.subset for one in others} == {first.subset}
    assert {one.lr for one in others} == {first.lr}


def test_a_step_is_that_of_zo_subset_at_the_rate_of_the_record() -> None:
    state, report = METHOD.round(METHOD.begin(W), 1, COHORT, ENGINE, SEEDS)
    assert report.record is not None
    subset, lr = report.record.subset, report.record.lr
    plain = ZOSubset(lr=lr, eps=1e-3, parameters=subset)  # type: ignore[arg-type]
    own = plain.of_model(ENGINE.model)
    expected, _ = own.round(own.begin(W), 1, COHORT, ENGINE, SEEDS)
    assert torch.equal(state.w, expected.w)


def test_costs_of_measuring_by_hand() -> None:
    """Three subsets, 16 directions: a loss and 3 x 34 more, of 16 images; client 0 sends g too."""
    _, report = METHOD.round(METHOD.begin(W), 1, COHORT, ENGINE, SEEDS)
    losses = 1 + 3 * (2 * 16 + 2)
    assert report.bytes_up == [4 * (3 + losses + ENGINE.d), 4 * (3 + losses)]
    assert report.bytes_down == [4 * (6 + ENGINE.d)] * 2
    assert report.record_bytes == 4 * 6
    assert report.forward == 16 * (2 * 3 + losses) + 6
    assert report.backward == 6


def test_moves_too_short_for_the_models_precision_are_refused() -> None:
    method = replace(METHOD, probe_eps=1e-9)
    with pytest.raises(UserError, match="set `probe_eps` to"):
        method.round(method.begin(W), 1, COHORT, ENGINE, SEEDS)
