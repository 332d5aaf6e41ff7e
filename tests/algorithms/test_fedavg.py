"""FedAvg against hand-computed rounds and against torch.optim on the same batches."""

import pytest
import torch
from torch import nn
from toys import dealt

from zowarmup.algorithms.average import average
from zowarmup.algorithms.fedavg import FedAvg, visits
from zowarmup.algorithms.rounds import Cohort, State
from zowarmup.common.seeds import Seeds, key
from zowarmup.engines.plain import Plain
from zowarmup.models.flat import FlatModel


def settings(**changed):
    return FedAvg(
        **({"lr": 0.1, "epochs": 2, "batch": 4, "weight_decay": 0.01, "server_lr": 1.0} | changed)
    )


def random(*shape, name="x"):
    generator = torch.Generator().manual_seed(key("test", name) % 2**63)
    return torch.randn(*shape, generator=generator)


@pytest.fixture
def engine():
    """A linear classifier and two clients of 6 and 10 images."""
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(9, 4))
    data = [(random(n, 1, 3, 3, name=f"x{n}"), torch.arange(n) % 4) for n in (6, 10)]
    return Plain(FlatModel(network), dealt(data), micro_batch=4)


def test_average_by_hand():
    """w = (1, 2), models (2, 2) and (1, 6), weights 1/4 and 3/4: the mean is (1.25, 5)."""
    w, local = torch.tensor([1.0, 2.0]), [torch.tensor([2.0, 2.0]), torch.tensor([1.0, 6.0])]
    assert average(w, local, [0.25, 0.75]).tolist() == [1.25, 5.0]
    assert average(w, local, [0.25, 0.75], lr=0.5).tolist() == [1.125, 3.5]
    assert w.tolist() == [1.0, 2.0]


def test_one_linear_step_by_hand():
    """One image x = (1, 2), label 0, weights 0, two classes: softmax is (1/2, 1/2).

    The gradient of the weight is (p - y) x' = [[-.5, -1], [.5, 1]], of the bias (-.5, .5).
    """
    with torch.device("meta"):
        network = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    data = [(torch.tensor([[[[1.0, 2.0]]]]), torch.tensor([0]))]
    engine = Plain(FlatModel(network), dealt(data), micro_batch=1)
    method = settings(epochs=1, weight_decay=0.0)
    new, report = method.round(State(torch.zeros(6)), 1, Cohort((0,), (1,)), engine, Seeds(0, 0, 0))
    torch.testing.assert_close(new.w, torch.tensor([0.05, 0.1, -0.05, -0.1, 0.05, -0.05]))
    assert (report.bytes_up, report.bytes_down) == ([24], [24])
    assert (report.forward, report.backward) == (1, 1)


def test_round_equals_torch_optim_client_by_client(engine):
    """The same batches through torch.optim.SGD on real modules, then the weighted mean."""
    method, cohort, seeds = settings(), Cohort((0, 1), (6, 10)), Seeds(0, 5, 0)
    w = engine.model.initial(1)
    orders = visits(3, cohort, method.epochs, seeds)
    expected = torch.zeros_like(w)
    for client, order, p in zip((0, 1), orders, cohort.weights, strict=True):
        module = engine.model.module(w)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1, weight_decay=0.01)
        x, y = engine.data[client].x(), engine.data[client].y
        for epoch in order:
            for rows in epoch[epoch < len(y)].split(4):
                optimizer.zero_grad()
                nn.functional.cross_entropy(module(x[rows]), y[rows]).backward()
                optimizer.step()
        expected += p * engine.model.flatten(dict(module.named_parameters())).detach()
    new, _ = method.round(State(w), 3, cohort, engine, seeds)
    torch.testing.assert_close(new.w, expected, rtol=1e-5, atol=1e-6)


def test_a_client_shuffles_alike_whoever_else_takes_part(engine):
    """Draws are keyed by round and client, not by position in the cohort."""
    both = visits(3, Cohort((0, 1), (6, 10)), 2, Seeds(0, 0, 0))
    alone = visits(3, Cohort((1,), (10,)), 2, Seeds(0, 0, 0))
    assert torch.equal(both[1], alone[0])
    assert not torch.equal(both[1], visits(4, Cohort((0, 1), (6, 10)), 2, Seeds(0, 0, 0))[1])
    assert not torch.equal(both[1, 0], both[1, 1])  # epochs differ
    for order, n in ((both[0], 6), (both[1], 10)):
        for epoch in order:
            assert sorted(epoch[epoch < n].tolist()) == list(range(n))


def test_w_is_left_as_it_is(engine):
    w = engine.model.initial(0)
    before = w.clone()
    settings().round(State(w), 1, Cohort((0, 1), (6, 10)), engine, Seeds(0, 0, 0))
    assert torch.equal(w, before)


def test_weights_follow_the_number_of_images():
    assert Cohort((3, 8), (6, 10)).weights == (0.375, 0.625)
