"""Configs with a network and a method in files of a user, laid over tiny.yaml, and their checks."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import workbench
from torch import nn

from zowarmup.common.user_code import explained
from zowarmup.data import dataset_file
from zowarmup.jobs import check_own
from zowarmup.models import own_network
from zowarmup.plan.plan import Plan, plan

TINY = workbench.PROJECT / "tests" / "tiny.yaml"

NETWORK = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, shape, classes, hidden=8):
        super().__init__()
        self.body = nn.Linear(shape[0] * shape[1] * shape[2], hidden)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        return self.head(self.body(x.flatten(1)).relu())
"""

# Federated averaging that moves a share `step` of the way.
METHOD = """\
from dataclasses import dataclass

from zowarmup.algorithms.average import difference
from zowarmup.algorithms.engine_protocol import SGD
from zowarmup.algorithms.fedavg import report, visits
from zowarmup.algorithms.rounds import State
from zowarmup.config.phase import Positive, Rate


@dataclass(frozen=True)
class Mine:
    lr: Rate
    step: Positive = 1.0

    def begin(self, w):
        return State(w)

    def round(self, state, t, cohort, engine, seeds):
        orders = visits(t, cohort, 1, seeds)
        local = engine.local_sgd(state.w, cohort.clients, orders, SGD(8, self.lr))
        g = difference(state.w, local, cohort.weights)
        return State(state.w - self.step * g), report(cohort, 1, engine.d)
"""

# Zeroth-order rounds of one direction a client, whose records repeat them.
RECORDED = """\
from dataclasses import dataclass

from zowarmup.algorithms.rounds import Report, State
from zowarmup.algorithms.zo import coefficients, make_record, step
from zowarmup.config.phase import Rate
from zowarmup.models.directions import draw


@dataclass(frozen=True)
class Mine:
    lr: Rate

    def begin(self, w):
        return State(w)

    def round(self, state, t, cohort, engine, seeds):
        u = draw(seeds.directions, t, cohort.clients, 1, engine.d, device=state.w.device)
        losses = engine.two_point(state.w, cohort.clients, u, 1e-3)
        scalars = (losses.diff()[..., 0] / -2e-3).float()
        record = make_record(t, cohort, scalars, self.lr)
        return self.apply(state, record, seeds), self.report(cohort, record)

    def apply(self, state, record, seeds):
        d, t = len(state.w), record.round
        u = draw(seeds.directions, t, record.clients, 1, d, device=state.w.device)
        return State(step(state.w, coefficients(record, 1), u, scale=1.0, lr=record.lr))

    def report(self, cohort, record):
        n = len(cohort.clients)
        return Report([4] * n, [4 * n] * n, 2 * sum(cohort.sizes), 0, record)
"""

CONFIG = f"""\
extends: {TINY}
engine: {{name: plain}}
model: {{file: my_net.py, build: Net}}
algorithms:
  mine: {{file: my_method.py, class: Mine, lr: 0.1}}
methods:
  zowarmup: null
  mine:
    label: Mine
    phases:
      - {{algorithm: mine, clients: all, rounds: 20}}
studies:
  main: {{methods: [high_res_only, mine]}}
"""


def replaced(text: str, *pairs: str) -> str:
    """The text with each old part, which it has, replaced by the new one that follows it."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, f"{old!r} is gone: adapt the test"
        text = text.replace(old, new, 1)
    return text


def write(folder: Path, network: str = NETWORK, method: str = METHOD, config: str = CONFIG) -> Path:
    """The files of a user in a folder; returns the config."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my_net.py").write_text(network)
    (folder / "my_method.py").write_text(method)
    (folder / "mine.yaml").write_text(config)
    return folder / "mine.yaml"


def planned(config: Path, **overrides: Any) -> Plan:
    return plan([str(config)], overrides)


def images(folder: Path) -> Path:
    """The images of tiny.yaml as the workflow saves them."""
    data = dataset_file.load_source("digits", images_train=300, images_test=60)
    dataset_file.save(data, folder / "dataset.npz")
    return folder / "dataset.npz"


def check(config: Path, data: Path) -> list[Path]:
    """Do every check of a config as the workflow does; returns the files that they write."""
    made, files = planned(config), []
    for name, check in made.own_checks.items():
        files.append(config.parent / "checks" / f"{name}.json")
        files[-1].parent.mkdir(exist_ok=True)
        dealt = made.config.federations[check.federation].model_dump(exclude={"dataset"})
        check_own.check(
            check.model_dump(mode="json"), dealt, made.config.jobs.memory_mb, data=data,
            checked=files[-1],
        )  # fmt: skip
    return files


def refusal(config: Path, data: Path) -> str:
    """The sentence by which the plan or a check ends, as a user sees it."""
    with pytest.raises(Exception, match=r"\S") as caught:
        check(config, data)
    sentence = explained(caught.value)
    assert sentence is not None, f"a bare traceback of {caught.value!r}"
    assert "\n" not in sentence
    return sentence


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in another folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def network(file: Path, **arguments: Any) -> nn.Module:
    """The network of a file for the images of tiny.yaml."""
    return own_network.of_file(f"{file}:Net", arguments).module((1, 8, 8), 10, 0)
