"""Training in memory: the bits of the workflow, and clear errors before anything trains."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from zowarmup import api
from zowarmup.algorithms.fedavg import FedAvg
from zowarmup.common.errors import UserError

CONFIG = """
name: twin
datasets: {mine: {file: my_data.py, load: make}}
federations: {default: {dataset: mine, clients: 5, alpha: 0.5}}
federation: default
split: 40/60
model: {file: my_net.py, build: net}
engine: {name: plain}
seeds: [3]
evaluate_every: 2
snapshot_every: 2
selection: {seeds: [50], grid: {}}
methods:
  zowarmup:
    label: ZOWarmUp
    phases:
      - {algorithm: fedavg, clients: high, rounds: 4, lr: 0.1, batch: 8}
      - {algorithm: zo, clients: all, rounds: 4, lr: 0.05, participation: 0.6}
studies: {main: {methods: [zowarmup]}}
tables: []
figures: []
"""
DATA = """
import numpy as np

def make():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(70, 6)).astype(np.float32), np.arange(70) % 3
    x[:, 0] += y
    return {"x_train": x[:50], "y_train": y[:50], "x_test": x[50:], "y_test": y[50:]}
"""
NET = """
from torch import nn

def net(shape, classes):
    return nn.Sequential(nn.Linear(shape[0], 8), nn.Tanh(), nn.Linear(8, classes))
"""


def arrays() -> tuple[np.ndarray, ...]:
    names: dict[str, Any] = {}
    exec(DATA, names)
    return tuple(names["make"]().values())


def net(shape: tuple[int, ...], classes: int) -> nn.Module:
    names: dict[str, Any] = {}
    exec(NET, names)
    module: nn.Module = names["net"](shape, classes)
    return module


@pytest.fixture(scope="module")
def federation() -> api.Federated:
    return api.federate(*arrays(), clients=5, alpha=0.5, seed=3)


@pytest.fixture(scope="module")
def warm(federation: api.Federated) -> api.Training:
    begin = api.start(federation, net, split="40/60", seed=3, evaluate_every=2)
    return begin.warm_up(rounds=4, lr=0.1, batch=8)


def test_the_numbers_are_those_of_the_workflow(warm: api.Training, tmp_path: Path) -> None:
    """Every column of metrics.csv that a run writes, and each weight of the final model."""
    for name, text in (("twin.yaml", CONFIG), ("my_data.py", DATA), ("my_net.py", NET)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    api.run_config(tmp_path / "twin.yaml", results=tmp_path / "results")
    run = api.load_run(tmp_path / "results/twin/runs/zowarmup/3")
    end = warm.train(rounds=4, lr=0.05, participation=0.6)
    own = end.metrics[end.metrics["phase"] == 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, run.metrics, check_exact=True)
    theirs, mine = run.module().state_dict(), end.module().state_dict()
    assert all(torch.equal(theirs[name], mine[name]) for name in theirs)


def test_a_step_changes_no_earlier_training(warm: api.Training) -> None:
    """Two methods can start from one warm-up, and the same one twice gives the same bits."""
    before = warm.w.clone()
    first, second = warm.train(rounds=2, lr=0.05), warm.train(rounds=2, lr=0.05)
    assert torch.equal(first.w, second.w)
    assert not torch.equal(first.w, before)
    assert torch.equal(warm.w, before)
    assert (warm.round, first.round) == (4, 6)
    assert repr(warm).startswith("Training(net, round 4, test accuracy 0.")
    assert first.metrics["round"].tolist() == [0, 2, 4, 6]


def test_progress_shows_without_a_terminal(
    warm: api.Training, capsys: pytest.CaptureFixture[str]
) -> None:
    """As in a notebook; with the accuracy so far."""
    warm.train(rounds=2, lr=0.05)
    shown = capsys.readouterr().err
    assert "2/2" in shown
    assert "accuracy=0." in shown


def test_data_sets_of_torch_are_arrays(federation: api.Federated) -> None:
    x, y, x_test, y_test = map(torch.from_numpy, arrays())
    sets = TensorDataset(x, y), TensorDataset(x_test, y_test)
    same = api.federate(*sets, clients=5, alpha=0.5, seed=3)
    assert same.data.sha256 == federation.data.sha256
    assert same.dealt.model_dump_json() == federation.dealt.model_dump_json()
    assert repr(same) == "Federated(5 clients, 50 training and 20 test examples, 3 classes)"


def test_numbers_of_numpy_are_numbers(federation: api.Federated) -> None:
    same = api.federate(*arrays(), clients=np.int64(5), alpha=np.float32(0.5), seed=np.int64(3))
    assert same.dealt.model_dump_json() == federation.dealt.model_dump_json()
    even = [api.federate(*arrays(), clients=5, alpha=alpha) for alpha in (np.inf, "infinite")]
    assert even[0].dealt.model_dump_json() == even[1].dealt.model_dump_json()


def test_clients_and_tiers_that_are_given() -> None:
    names = ["a", "b", "c", "d", "e"] * 10
    tiers = {name: "high" if name < "c" else "low" for name in "abcde"}
    federation = api.federate(*arrays(), clients=names, tiers=tiers)
    begin = api.start(federation, net, split="given", evaluate_every=1)
    assert begin.context.tiers["high"] == (0, 1)
    assert begin.warm_up(rounds=1, lr=0.1).round == 1


def test_a_method_as_an_object_is_the_method_by_name(warm: api.Training) -> None:
    by_name = warm.phase("fedavg", clients="high", rounds=2, lr=0.1, batch=8)
    by_object = warm.phase(FedAvg(lr=0.1, batch=8), clients="high", rounds=2)
    assert torch.equal(by_name.w, by_object.w)


def test_training_starts_from_a_module_as_it_is(federation: api.Federated) -> None:
    module = net((6,), 3)
    begin = api.start(federation, module, split="40/60", seed=9)
    flat = torch.cat([p.detach().flatten() for p in module.parameters()])
    assert torch.equal(begin.w, flat)
    begin.warm_up(rounds=1, lr=0.1)
    assert torch.equal(torch.cat([p.detach().flatten() for p in module.parameters()]), flat)


def test_a_first_client_with_one_example_checks_the_network() -> None:
    """On another one too: a network may fail on half of one example, an empty batch."""

    class Net(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x.view(len(x), -1))

    x, y, x_test, y_test = arrays()
    federation = api.federate(x[:22], y[:22], x_test, y_test, clients=["a"] * 2 + ["b"] * 20)
    assert len(federation.dealt.train[0]) == 1
    api.start(federation, lambda shape, classes: Net(net(shape, classes)), split="50/50")


def test_a_failed_training_says_so_and_ends(warm: api.Training) -> None:
    failed = warm.phase("fedavg", clients="all", rounds=20, lr=1e6, batch=8)
    assert failed.diverged
    assert failed.round < 24
    with pytest.raises(UserError, match="training has failed by round"):
        failed.train(rounds=1, lr=0.01)


X, Y, X_TEST, Y_TEST = arrays()
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "three arrays": (lambda: api.federate(X, Y, X_TEST, clients=5, alpha=1), "not 3 values"),
    "no alpha": (lambda: api.federate(*arrays(), clients=5), "alpha: give a number"),
    "alpha and clients": (
        lambda: api.federate(*arrays(), clients=[0] * 50, alpha=1.0),
        "leave it out where `clients` says",
    ),
    "lengths": (
        lambda: api.federate(X, Y[:9], X_TEST, Y_TEST, clients=5, alpha=1.0),
        "x_train has 50 feature rows but y_train has 9 labels",
    ),
    "clients of other length": (
        lambda: api.federate(*arrays(), clients=[0, 1]),
        "client_train has 2 entries but there are 50 training examples",
    ),
    "too many clients": (
        lambda: api.federate(*arrays(), clients=500, alpha=1.0),
        "500 clients share only 50",
    ),
    **{
        f"{name} {value}": (
            partial(api.federate, *arrays(), **{"clients": 5, "alpha": 1.0, name: value}),
            f"^{name}: .*, not {value!r}$",
        )
        for name, value in (
            ("tier_order", "zz"),
            ("clients", 0),
            ("clients", True),
            ("alpha", "abc"),
            ("holdout", 2),
            ("seed", "a"),
        )
    },
    "a Dataset of inputs": (
        lambda: api.federate([X[0]], [X[0]], clients=1, alpha=1.0),
        r"give pairs \(input, class\), not ndarray",
    ),
    "inputs of two shapes": (
        lambda: api.federate([(X[0], 0), (X[0][:2], 1)], [(X[0], 0)], clients=1, alpha=1.0),
        "the training data cannot become arrays",
    ),
}


def test_without_held_out_images_clients_train_on_all_of_theirs() -> None:
    """A notebook gives rates as numbers, so it needs none to choose by."""
    held = api.federate(*arrays(), clients=5, alpha=1.0, holdout=0).dealt.heldout
    assert not any(map(len, held))


@pytest.mark.parametrize("case", REFUSED)
def test_data_that_are_refused(case: str) -> None:
    call, message = REFUSED[case]
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"network": "mlp99"}, "there is no network mlp99; use one of mlp"),
        ({"split": "0/100"}, "leaves no high-resource client"),
        ({"split": "half"}, "give percentages that add up to 100"),
        ({"engine": "fast"}, "engine: there is no fast; use one of plain"),
        ({"threads": 0}, "engine.threads: "),
        ({"seed": "a"}, "^seed: .*, not 'a'"),
        ({"evaluate_every": 0}, "^evaluate_every: .*, not 0"),
        ({"width": 0}, "^width: .*, not 0"),
        ({"speed": 3}, "engine.speed: unknown key"),
        ({"network": lambda shape, classes: nn.Linear(6, 4)}, r"returns \(\d+, 4\)"),
        ({"network": lambda shape, classes: "text"}, "returns a str; return an nn.Module"),
        ({"network": lambda shape, classes: nn.BatchNorm1d(6)}, "running statistics"),
    ],
)
def test_a_start_that_is_refused(
    federation: api.Federated, keys: dict[str, Any], message: str
) -> None:
    given = {"network": net, "split": "40/60", **keys}
    with pytest.raises(UserError, match=message):
        api.start(federation, given.pop("network"), **given)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"algorithm": "fedzo"}, "there is no fedzo; use one of fedavg"),
        ({"epoch": 3}, "epoch: unknown key; did you mean epochs"),
        ({"lr": -1.0}, "lr: "),
        ({"lr": "select"}, "lr: give a number"),
        ({"rounds": 0}, "rounds: "),
        ({"clients": "some"}, "clients: "),
        ({"algorithm": FedAvg(lr=0.1), "clients": "some"}, "use high, low, all"),
        ({"algorithm": FedAvg}, r"FedAvg is a class; give an object of it, such as FedAvg\(lr"),
        ({"augment": "crop_flip"}, "crop_flip moves images"),
    ],
)
def test_a_phase_that_is_refused(warm: api.Training, keys: dict[str, Any], message: str) -> None:
    given = {"algorithm": "fedavg", "clients": "high", "rounds": 1, "lr": 0.1, **keys}
    with pytest.raises(UserError, match=message):
        warm.phase(given.pop("algorithm"), **given)
