"""The study `depth` as a user runs it: curvatures measured, then shown in its table and figure."""

import csv
import json
from pathlib import Path

import pytest
import workbench

STUDY = """
extends: tiny.yaml
seeds: 1
algorithms: {fedavg: {lr: 0.1}, zo: {lr: 0.03}}
methods:
  zowarmup:
    phases:
      - {algorithm: fedavg, clients: high, rounds: 20}
      - {algorithm: zo, clients: all, rounds: 40}
  zo_init: {label: Zeroth-order from scratch, phases: [{algorithm: zo, clients: all, rounds: 20}]}
studies:
  depth: {methods: [zowarmup, zo_init], grid: {model: [mlp2_he]}}
tables: [depth]
figures: [depth]
"""
CALL = ["depth", "--configfile", "depth.yaml"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workbench.copy_project(tmp_path_factory.mktemp("depth") / "project")
    (folder / "depth.yaml").write_text(STUDY)
    return folder


def test_one_job_measures_a_warm_up(project: Path) -> None:
    [answer] = workbench.snakemake_many([(project, ["--dry-run", *CALL])])
    jobs = workbench.planned(answer)
    assert (jobs["warmup"], jobs["curvature"], jobs["train"]) == (1, 1, 2)


@pytest.mark.long
def test_the_table_shows_what_was_measured(project: Path) -> None:
    answer = workbench.snakemake(project, "--cores", "2", *CALL)
    assert answer.code == 0, answer.text
    results = project / "results" / "tiny"
    [file] = results.glob("curvature/*/0.json")
    start, pivot = json.loads(file.read_text())["points"]
    assert (start["round"], pivot["round"]) == (0, 20)
    shown = results / "studies" / "depth"
    assert (shown / "figures" / "depth.svg").is_file()
    with (shown / "tables" / "depth.csv").open() as table:
        scratch, warm = csv.DictReader(table)
    for row, point in ((scratch, start), (warm, pivot)):
        assert float(row["trace_mean"]) == pytest.approx(point["trace"])
        assert float(row["gain_mean"]) > 0
