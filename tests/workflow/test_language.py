"""A study of text as a user runs it: a play becomes clients, a transformer trains on them."""

import csv
from pathlib import Path

import pytest
import workbench
from texts import play

STUDY = """
extends: config/language.yaml
name: play
datasets:
  docstrings: null
  play: {text: play.txt, speakers: colon, context: 16, clients: 4, test_clients: 2}
federations:
  default: {dataset: play}
split: 50/50
seeds: 1
rounds: {pivot: 2, total: 4}
evaluate_every: 2
snapshot_every: 2
memory: {growth: {models: [gpt_tiny], contexts: [16, 32]}}
algorithms: {fedavg: {lr: 0.3}, zo: {lr: 0.03}}
selection: null
methods: {zo_init: null, subset: null, subset_auto: null}
studies: {main: {methods: [high_res_only, zowarmup]}, parameters: null, blocks: null}
tables: [bits_per_byte, studies, costs]
figures: [training_curves, bits_curves, studies, costs, memory_growth]
claims: null
"""
CALL = ["--configfile", "play.yaml"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workbench.copy_project(tmp_path_factory.mktemp("language") / "project")
    (folder / "play.yaml").write_text(STUDY)
    play(folder)
    return folder


def test_each_role_is_measured_at_each_context(project: Path) -> None:
    [answer] = workbench.snakemake_many([(project, ["--dry-run", *CALL])])
    jobs = workbench.planned(answer)
    assert (jobs["warmup"], jobs["train"], jobs["measure"]) == (1, 1, 4)


@pytest.mark.long
def test_the_table_shows_bits(project: Path) -> None:
    answer = workbench.snakemake(project, "--cores", "2", *CALL)
    assert answer.code == 0, answer.text
    results = project / "results" / "play"
    assert (results / "figures" / "memory_growth.svg").is_file()
    with (results / "tables" / "bits_per_byte.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert [row["label"] for row in rows] == ["High Res Only", "ZOWarmUp"]
    assert all(0 < float(row["bits_mean"]) < 9 for row in rows)
