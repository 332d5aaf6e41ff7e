"""Rounds in two halves: each client answers alone, and the server does without those that do not.

Three clients of 6, 10 and 3 images take 2, 3 and 1 local steps an epoch, so they send different
numbers of scalars.
"""

import pytest
import torch
from toys import cohort, linear

from zowarmup.algorithms.answers import Answer
from zowarmup.algorithms.fedkseed import FedKSeed
from zowarmup.algorithms.rounds import Cohort
from zowarmup.algorithms.zo import ZO
from zowarmup.algorithms.zo_adam import ZOAdam
from zowarmup.algorithms.zo_local import ZOLocal
from zowarmup.common.seeds import Seeds

SEEDS, T = Seeds(0, 5, 3), 7
METHODS = {
    "zo": ZO(lr=0.2, S=2, eps=1e-2),
    "zo shared": ZO(lr=0.2, S=2, eps=1e-2, shared_directions=True),
    "zo_adam": ZOAdam(lr=0.01, S=2, eps=1e-2),
    "zo_local": ZOLocal(lr=0.2, epochs=2, batch=4, S=2, eps=1e-2),
    "fedkseed": FedKSeed(lr=0.2, epochs=2, batch=4, K=8, eps=1e-2),
    "fedkseed pro": FedKSeed(lr=0.2, epochs=2, batch=4, K=8, eps=1e-2, sampling="pro"),
}


@pytest.fixture
def engine():
    return linear(6, 10, 3)


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def after_a_round(method, engine):
    """A state with moments or accumulators that are not zero, and the whole cohort."""
    everyone = cohort(engine, (0, 1, 2))
    state, _ = method.round(method.begin(engine.model.initial(1)), T - 1, everyone, engine, SEEDS)
    return state, everyone


def test_a_client_alone_answers_as_in_its_cohort(method, engine):
    state, everyone = after_a_round(method, engine)
    together = method.answers(state, T, everyone, engine, SEEDS)
    for client, n in zip(everyone.clients, everyone.sizes, strict=True):
        alone = method.answers(state, T, Cohort((client,), (n,)), engine, SEEDS)
        assert alone.keys() == {client}
        assert alone[client].scalars.equal(together[client].scalars)
        assert alone[client].moved == together[client].moved
        assert alone[client].scalars.shape == (method.sent(n),)
        assert alone[client].scalars.abs().max() > 0


def test_both_halves_give_the_bits_of_the_round(method, engine):
    state, everyone = after_a_round(method, engine)
    whole, report = method.round(state, T, everyone, engine, SEEDS)
    answers = method.answers(state, T, everyone, engine, SEEDS)
    halves, same = method.collect(state, T, everyone, answers, SEEDS)
    assert halves.w.equal(whole.w)
    assert halves.server.keys() == whole.server.keys()
    assert all(halves.server[name].equal(kept) for name, kept in whole.server.items())
    assert same == report


@pytest.mark.parametrize("fault", ["no answer", "not finite"])
def test_a_client_without_finite_scalars_is_left_out(method, engine, fault):
    """The step is that of the others, with their shares; the record says who is left out."""
    state, everyone = after_a_round(method, engine)
    answers = method.answers(state, T, everyone, engine, SEEDS)
    others = {client: sent for client, sent in answers.items() if client != 1}
    bad = torch.full_like(answers[1].scalars, float("nan"))
    given = others if fault == "no answer" else others | {1: Answer(bad, answers[1].moved)}
    new, report = method.collect(state, T, everyone, given, SEEDS)
    assert report.record.dropped == [1]
    assert report.record.weights == [6 / 9, 0, 3 / 9]
    report.record.check(T, everyone)
    expected, _ = method.collect(state, T, cohort(engine, (0, 2)), others, SEEDS)
    torch.testing.assert_close(new.w, expected.w, rtol=1e-5, atol=1e-6)
    assert not torch.equal(new.w, state.w)
    assert method.apply(state, report.record, SEEDS).w.equal(new.w)
