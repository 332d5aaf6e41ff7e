"""Runs: where they start, how they diverge, and their progress messages."""

import logging
import re
from pathlib import Path

import pytest
import torch
from small_runs import (
    ALL,
    SEEDS,
    WARM,
    equal_rows,
    fedavg,
    finish,
    last_of,
    phase_of,
    spec_of,
    steps_of,
    trial,
    tried,
    warm_up,
    zo,
)
from torch import Tensor

from zowarmup.common.files import read_rows
from zowarmup.runtime import progress
from zowarmup.storage import metrics_csv
from zowarmup.training.context import Context


def test_a_run_without_a_warmup_starts_from_the_initialisation(
    context: Context, tmp_path: Path
) -> None:
    w = context.model.initial(SEEDS.initialisation)
    end = finish(context, spec_of(zo(20)), w, tmp_path / "j")
    assert torch.equal(end.w, last_of(steps_of(context, zo(20), w, first=1)).w)
    assert end.t == 20


@pytest.mark.parametrize("estimator", ["two_point", "directional"])
def test_a_diverging_run_ends_with_a_row_that_says_so(
    context: Context, pivot: Tensor, tmp_path: Path, estimator: str
) -> None:
    spec = spec_of(fedavg(), zo(lr=1e30, estimator=estimator))
    end = finish(context, spec, pivot, tmp_path / "j")
    assert [row["diverged"] for row in end.rows] == [False] * (len(end.rows) - 1) + [True]
    assert end.t == end.rows[-1]["round"] < ALL
    metrics_csv.write(tmp_path / "metrics.csv", end.rows)
    assert read_rows(tmp_path / "metrics.csv")[-1]["diverged"] == "True"


@pytest.mark.parametrize("lr", [1e30, 1e38])
@pytest.mark.parametrize(
    "algorithm", ["zo_adam", "zo_local", "fedkseed", "zo_average", "zo_scalar_moment"]
)
def test_a_diverging_run_of_any_kind_ends_with_a_row_that_says_so(
    context: Context, pivot: Tensor, tmp_path: Path, algorithm: str, lr: float
) -> None:
    """Also where weights overflow; what JSON lacks is not in its journal."""
    spec = spec_of(fedavg(), phase_of(algorithm, lr=lr))
    one, two = (finish(context, spec, pivot, tmp_path / "j") for _ in range(2))
    assert one.rows[-1]["diverged"]
    assert one.t < ALL
    assert torch.equal(one.w.view(torch.int32), two.w.view(torch.int32))
    assert equal_rows(one.rows, two.rows)


def test_progress_says_round_speed_and_time_to_go(
    context: Context,
    pivot: Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    with caplog.at_level(logging.INFO, "zowarmup"):
        warm_up(context, tmp_path, rounds=WARM)
        finish(context, spec_of(fedavg(), zo()), pivot, tmp_path / "j")
        tried(context, trial(fedavg(22), lr_1=[0.1]), pivot, tmp_path, seed=0)
    pattern = r"round {}/{}.*  \d+\.\d rounds/s  left \d\d:\d\d"
    for what, rounds in (("warm-up", (4, WARM)), ("run", (17, ALL)), ("lr 0.1, seed 0", (12, 22))):
        line = rf"{what}: {pattern.format(*rounds)}"
        assert any(re.match(line, message) for message in caplog.messages), line
    measured = r"run: round 17/40  loss \d\.\d{4}  accuracy 0\.\d{4}  "
    assert any(re.match(measured, message) for message in caplog.messages)
