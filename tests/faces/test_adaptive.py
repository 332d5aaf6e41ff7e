"""A run that decides its pivot and its rate, from the config to the readers of its results."""

import json
from pathlib import Path

import pandas as pd
import pytest

from zowarmup import api
from zowarmup.common.files import read_rows
from zowarmup.inspection.inspect import inspect, replay
from zowarmup.inspection.job_status import DONE, jobs_of
from zowarmup.inspection.verify import verify
from zowarmup.plan.pivots.probe import COSTS

TINY = Path(__file__).parents[1] / "tiny.yaml"
CONFIG = f"""
extends: {TINY}
name: adaptive
seeds: 1
evaluate_every: 5
probes: {{every: 5, directions: 4}}
algorithms: {{fedavg: {{lr: 0.1}}, zo: {{lr: 0.03}}, zo_groups: {{lr: auto, groups: auto}}}}
methods:
  zowarmup:
    phases:
      - {{algorithm: fedavg, clients: high, rounds: 20}}
      - {{algorithm: zo, clients: all, rounds: 40}}
  grouped:
    label: Groups decided
    phases:
      - {{algorithm: fedavg, clients: high, rounds: 20}}
      - {{algorithm: zo_groups, clients: all, rounds: 40}}
studies:
  main: null
  adaptive_pivot:
    methods: [high_res_only, zowarmup]
    also:
      decided:
        variants:
          plateau:
            method: zowarmup
            set: {{pivot: {{rule: plateau, gain: 0.5, patience: 15, latest: 30}}, zo.lr: auto}}
          grouped: {{method: grouped}}
tables: [adaptive_pivot]
figures: [adaptive_pivot]
"""
PLATEAU = "runs/plateau/0"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("adaptive")
    (folder / "config.yaml").write_text(CONFIG)
    rows = api.run_config(folder / "config.yaml", results=folder)
    return folder / "adaptive", rows


def record(results: tuple[Path, pd.DataFrame]) -> dict:
    return json.loads((results[0] / PLATEAU / "run.json").read_text())


def test_the_record_has_numbers_and_the_decision(results: tuple[Path, pd.DataFrame]) -> None:
    """Ten or more points are never gained in 15 rounds: it fires at round 20 of 60."""
    made = record(results)
    decided = made["decided"]["pivot"]
    first, second = made["spec"]["phases"]
    assert (decided["rule"], decided["fired"], decided["round"]) == ("plateau", True, 20)
    assert (first["rounds"], second["rounds"]) == (20, 40)
    assert f"lr {second['lr']:.4g}:" in made["decided"]["lr"]
    assert "probes" in made["inputs"]
    assert made["start"].endswith("round-000020.safetensors")


def test_groups_and_rate_are_decided_at_a_fixed_pivot(results: tuple[Path, pd.DataFrame]) -> None:
    """Four probes; ten clients, so that one group or ten are chosen. A replay has the number."""
    folder, rows = results
    made = json.loads((folder / "runs/grouped/0/run.json").read_text())
    second = made["spec"]["phases"][1]
    assert second["groups"] in (1, 10)
    assert made["decided"]["groups"].startswith(f"groups {second['groups']}: over 4 probes B^2 is ")
    P = 3 * second["groups"]
    assert f"with {P} directions in a round" in made["decided"]["lr"]
    assert set(rows[rows["run"] == "grouped"]["directions"]) == {P}
    assert replay(folder / "runs/grouped/0", 35)[1]["round"] == 35


def test_costs_count_the_probes_of_this_run_alone(results: tuple[Path, pd.DataFrame]) -> None:
    folder, rows = results
    [file] = folder.glob("warmups/*/0/probes.csv")
    probes = read_rows(file)
    assert [probe["round"] for probe in probes] == ["5", "10", "15", "20", "25", "30"]
    runs = {name: rows[rows["run"] == name].set_index("round") for name in rows["run"].unique()}
    fixed, adaptive = runs["zowarmup"], runs["plateau"]
    for name in COSTS:
        for t, count in ((0, 0), (10, 2), (20, 4), (60, 4)):
            more = sum(int(probe[name]) for probe in probes[:count])
            assert adaptive.loc[t, name] - fixed.loc[t, name] == more, (name, t)
    assert adaptive.loc[20, "test_accuracy"] == fixed.loc[20, "test_accuracy"]
    assert (adaptive["pivot_rule"].iloc[0], adaptive["probed"].iloc[0]) == ("plateau", 20)
    assert (adaptive["pivot"] == 20).all()
    assert fixed["probed"].isna().all()


def test_its_results_are_read_like_any_other_s(results: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = results
    told = inspect(folder / PLATEAU)["origin"]
    assert told["pivot_decided"].startswith("pivot 20: the rule `plateau` fired at round 20")
    _, about = replay(folder / PLATEAU, 35)
    assert about["round"] == 35
    report = verify(folder)
    assert report["agrees"]
    assert report["note"] == []
    jobs = jobs_of(folder)
    assert {job.state for job in jobs} == {DONE}
    assert {job.name: job.note for job in jobs if job.note} == {"plateau": "pivot 20, by plateau"}


def test_a_second_run_decides_the_same(results: tuple[Path, pd.DataFrame]) -> None:
    folder, _ = results
    before = (folder / PLATEAU / "final.safetensors").read_bytes()
    for name in ("run.json", "metrics.csv", "final.safetensors"):
        (folder / PLATEAU / name).unlink()
    api.run_config(folder.parent / "config.yaml", results=folder.parent)
    assert (folder / PLATEAU / "final.safetensors").read_bytes() == before
    assert int(read_rows(folder / PLATEAU / "metrics.csv")[-1]["round"]) == 60
