"""Jobs of selection, warm-up and run: files in, files out."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from small_runs import ALL, WARM, fedavg, spec_of, trial, without, zo

from zowarmup.common.errors import UserError
from zowarmup.common.files import read_rows
from zowarmup.data import dataset_file, federation
from zowarmup.data.dataset_file import Dataset
from zowarmup.data.federation import Federation
from zowarmup.jobs import select as job_select
from zowarmup.jobs import train as job_train
from zowarmup.jobs import warmup as job_warmup
from zowarmup.storage import checkpoint
from zowarmup.storage.checkpoint import About

ABOUT = About(model="mlp", width=1.0, shape=(1, 8, 8), classes=10, round=ALL)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return dataset_file.load_source("digits", images_train=300, images_test=60)


@pytest.fixture(scope="module")
def dealt(data: Dataset) -> Federation:
    return federation.build(data, clients=10, alpha=0.5, holdout=0.1, seed=3)


@pytest.fixture
def inputs(data: Dataset, dealt: Federation, tmp_path: Path) -> dict[str, Path]:
    dataset_file.save(data, tmp_path / "dataset.npz")
    federation.save(dealt, tmp_path / "federation.json")
    return {"data": tmp_path / "dataset.npz", "federation": tmp_path / "federation.json"}


def selected(inputs: dict[str, Path], tmp_path: Path, grid: Sequence[float]) -> Path:
    job_select.select_rates(
        trial(fedavg(12), lr_1=grid),
        "code",
        data=inputs["data"],
        federations=[inputs["federation"]],
        selections=[],
        selection=tmp_path / "selection.json",
    )
    return tmp_path / "selection.json"


def test_a_whole_run_through_its_files(inputs: dict[str, Path], tmp_path: Path) -> None:
    """Selection, warm-up and run, as the scripts call them; the records say what was done."""
    selection = selected(inputs, tmp_path, [1e-9, 0.1, 0.2, 1e30])
    chosen = {"selection": "high", "axis": "1.lr"}
    phase = fedavg(ALL) | {"lr": chosen}
    warm = {
        name: tmp_path / "warm" / file
        for name, file in (
            ("snapshots", "snapshots"), ("metrics", "metrics.csv"), ("run_record", "run.json")
        )
    }  # fmt: skip
    spec = without(spec_of(), {"phases", "warmup"}) | {"phase": phase}
    job_warmup.warm_up(spec, 3, "code", **inputs, selections=[selection], **warm)
    done = {
        name: tmp_path / "run" / file
        for name, file in (
            ("metrics", "metrics.csv"), ("run_record", "run.json"), ("final", "final.safetensors")
        )
    }  # fmt: skip
    job_train.train_run(
        spec_of(fedavg() | {"lr": chosen}, zo()),
        3,
        "code",
        **inputs,
        selections=[selection],
        warmup=warm["snapshots"],
        warmup_metrics=warm["metrics"],
        **done,
    )
    for record in (json.loads(made["run_record"].read_text()) for made in (warm, done)):
        assert {"python", "torch", "numpy", "safetensors", "zowarmup"} == set(record["versions"])
        assert record["versions"]["torch"] == str(torch.__version__)  # with its build
        assert {"processor", "cpus", "accelerator"} <= set(record["hardware"])
        assert record["seeds"] == {"federation": 3, "initialisation": 3, "directions": 3}
        assert (record["seed"], record["code"], record["d"]) == (3, "code", 2410)
        assert {"commit", "finished"} <= set(record)
        rates = [p["lr"] for p in record["spec"].get("phases", [record["spec"].get("phase")])]
        assert rates == [0.1, 0.03][: len(rates)]
    saved = checkpoint.load(done["final"])
    assert saved.about == ABOUT
    first = read_rows(done["metrics"])[0]
    pivot_row = next(row for row in read_rows(warm["metrics"]) if row["round"] == str(WARM))
    assert int(first["backward_passes"]) == int(pivot_row["backward_passes"])
    assert int(first["bytes_up"]) > int(pivot_row["bytes_up"])


def test_a_choice_at_the_edge_widens_the_grid_twice_and_is_warned_of(
    inputs: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "zowarmup"):
        made = json.loads(selected(inputs, tmp_path, [0.001, 0.003]).read_text())
    assert [row["rates"]["1.lr"] for row in made["trials"]] == [0.001, 0.003, 0.009, 0.027]
    assert (made["rates"], made["edges"], made["tried"]) == ({"1.lr": 0.027}, ["1.lr"], 4)
    assert any("1.lr: the chosen rate lies at the edge" in said for said in caplog.messages)


def test_a_selection_keeps_all_of_its_trials(inputs: dict[str, Path], tmp_path: Path) -> None:
    """0.2 lies a step below a rate that diverges."""
    made = json.loads(selected(inputs, tmp_path, [1e-9, 0.1, 0.2, 1e30]).read_text())
    assert [row["rates"]["1.lr"] for row in made["trials"]] == [1e-9, 0.1, 0.2, 1e30]
    assert made["trials"][3]["accuracy"] is None
    assert (made["rates"], made["edges"], made["code"]) == ({"1.lr": 0.1}, [], "code")
    assert not [*(tmp_path / "state").glob("pivot-*")]


def test_a_grid_of_nothing_but_divergence_fails_clearly(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"every candidate .* diverged; add smaller ones"):
        selected(inputs, tmp_path, [1e25, 1e30])
    assert not (tmp_path / "selection.json").exists()
