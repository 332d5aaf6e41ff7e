"""The answers to the rules' questions: plain values, and the same files as the rules' patterns."""

import json
import re
from pathlib import Path

import pytest
import workbench
from overlays import overlay

from zowarmup.plan import graph, snapshots
from zowarmup.plan.graph import Job
from zowarmup.plan.workflow import Workflow

ROOT = workbench.PROJECT
SEEDED = {"federation": "default", "warmup": "fedavg-high", "train": "zowarmup"}
JOBS = (
    Job("dataset", "digits"),
    Job("select", "zowarmup"),
    *(Job(rule, name, "0") for rule, name in SEEDED.items()),
)


@pytest.fixture(scope="module")
def work() -> Workflow:
    return Workflow([str(ROOT / "tests/tiny.yaml")], {}, str(ROOT))


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.rule)
def test_the_rules_write_the_files_of_the_graph(work: Workflow, job: Job) -> None:
    """Rules name their files as literal patterns; the same files by the same names stand there."""
    text = "\n".join(path.read_text() for path in ROOT.glob("rules/*.smk"))
    section = re.search(rf"^rule {job.rule}:.*?^    log:", text, re.DOTALL | re.MULTILINE)
    assert section
    patterns = dict(re.findall(r'^        (\w+)=(?:directory\()?"(.*)"', section[0], re.MULTILINE))
    known = {"name": "tiny", "seed": job.part}
    written = {
        key: re.sub(r"\{(\w+)\}", lambda wildcard: known.get(wildcard[1], job.name), pattern)
        for key, pattern in patterns.items()
    }
    assert graph.outputs(work.paths, job).items() <= written.items()


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.rule)
def test_answers_are_plain_values(work: Workflow, job: Job) -> None:
    """Snakemake records built-in types alone; of others it would not see a change."""
    answers = [work.inputs(job), work.code(job)]
    answers.append(work.spec(job) if job.rule in graph.RESULT else work.settings(job))
    json.dumps(answers)  # else a TypeError


def test_wildcards_stand_for_a_job(work: Workflow) -> None:
    assert work.job("train", {"name": "tiny", "run": "zowarmup", "seed": "1"}) == Job(
        "train", "zowarmup", "1"
    )
    assert work.job("table", {"table": "main", "scope": ""}) == Job("table", "main")
    assert work.job("claims", {"name": "tiny"}) == Job("claims")


def test_a_dot_in_a_name_is_a_dot(work: Workflow) -> None:
    constraints = work.constraints()
    assert re.fullmatch(constraints["run"], "zowarmup")
    assert constraints["model"] == "-"  # the config measures no network
    dotted = Workflow([str(ROOT / "tests/tiny.yaml")], {"name": "a.b"}, str(ROOT))
    assert not re.fullmatch(dotted.constraints()["name"], "axb")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.rule)
def test_a_file_is_known_as_that_of_its_job(work: Workflow, job: Job) -> None:
    files = graph.outputs(work.paths, job).values()
    assert {graph.job_of(work.paths, file) for file in files} == {job}


def test_the_targets_of_a_study_are_what_shows_it(work: Workflow) -> None:
    whole, study = work.paths.targets(), work.paths.targets("studies/main/")
    assert len(whole["verdicts"]) == 4  # the trials of learning rates among them
    assert study["verdicts"] == []
    assert study["tables"] == ["results/tiny/studies/main/tables/main.csv"]
    assert study["work"][1:] == whole["work"][1:]


def test_a_study_alone_tunes_nothing_for_others(tmp_path: Path) -> None:
    """The table of learning rates shows the trials of all selections, so a study leaves it out."""
    text = """
tables: [main, learning_rates]
studies: {main: {methods: [zowarmup]}, other: {methods: [zowarmup], grid: {zo.S: [9]}}}
"""
    paths = Workflow([str(overlay(tmp_path, text))], {}, str(ROOT)).paths
    assert "results/tiny/tables/learning_rates.csv" in paths.targets()["tables"]
    main = paths.targets("studies/main/")
    assert main["tables"] == ["results/tiny/studies/main/tables/main.csv"]


def test_memory_grows_with_images_and_processes(tmp_path: Path, work: Workflow) -> None:
    data = tmp_path / "dataset.npz"
    data.write_bytes(bytes(3 * 10**6))
    assert work.training_mb(str(data)) == 2000 + 6


DEPTH = """
studies:
  depth: {methods: [high_res_only, zowarmup], grid: {model: [mlp, mlp2_he]}}
tables: [depth]
figures: [depth]
"""


@pytest.fixture
def depth(tmp_path: Path) -> Workflow:
    return Workflow([str(overlay(tmp_path, DEPTH))], {}, str(ROOT))


def test_the_curvature_is_measured_at_the_first_model_and_at_the_pivot(depth: Workflow) -> None:
    """One job for each network and seed; the warm-up itself, read to its end, has no pivot."""
    jobs = {job for job in graph.graph(depth.plan) if job.rule == "curvature"}
    assert {(depth.plan.warmups[job.name].model, job.part) for job in jobs} == {
        (model, seed) for model in ("mlp", "mlp2_he") for seed in "01"
    }
    for job in jobs:
        assert depth.rounds(job) == [0, 20]
        [warmup] = [one for one in graph.waits_for(depth.paths, job) if one.rule == "warmup"]
        assert warmup == Job("warmup", job.name, job.part)
        assert snapshots.wanted(depth.plan, graph.graph(depth.plan))[job[1:]] == {0, 20, 60}
        json.dumps([depth.inputs(job), depth.spec(job), depth.code(job)])
    for rule in ("table", "figure"):
        measured = depth.inputs(Job(rule, "depth"))["measured"]
        assert {graph.job_of(depth.paths, file) for file in measured} == jobs
    assert depth.job("curvature", {"name": "tiny", "warmup": "a", "seed": "1"}) == Job(
        "curvature", "a", "1"
    )


def test_verdicts_read_the_repeat_once_it_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The repeat itself extends this config, keeps the key, and repeats nothing."""
    monkeypatch.chdir(tmp_path)
    files = [str(ROOT / "tests/tiny.yaml")]
    work = Workflow(files, {"repeat": "again"}, str(ROOT))
    again = Workflow(files, {"repeat": "again", "name": "again"}, str(ROOT))
    plain = {"metrics": "results/tiny/metrics.csv"}
    assert work.inputs(Job("claims")) == plain
    (tmp_path / "results/again").mkdir(parents=True)
    (tmp_path / "results/again/metrics.csv").touch()
    repeat = "results/again/metrics.csv"
    assert work.inputs(Job("claims")) == plain | {"repeat": repeat}
    assert work.inputs(Job("signatures")) == plain
    assert again.inputs(Job("claims")) == {"metrics": repeat}
    assert graph.waits_for(work.paths, Job("claims")) == (Job("collect_metrics"),)
