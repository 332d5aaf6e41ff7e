"""The workflow as a user runs it, on a config of a few seconds: what is made, and made again.

All of it happens in copies of the project, in temporary folders.
"""

import ast
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import workbench
from workbench import Answer, edit, planned

from zowarmup.__main__ import main

TINY = ["--configfile", "tiny.yaml"]
RUN = "results/tiny/runs/zowarmup"
WARMUP = "results/tiny/warmups/fedavg-high"
RESULTS = ("metrics.csv", "final.safetensors", "journal.jsonl")

# What always follows from new rows of metrics.
ROWS = ("collect_metrics", "table", "figure", "claims", "signatures", "front_page")


def jobs(*rules: str, **counts: int) -> dict[str, int]:
    """One job of each rule, and more of some."""
    return dict.fromkeys(rules, 1) | counts


# --- a whole graph --------------------------------------------------------------------------


def test_everything_is_made(finished: Path) -> None:
    results = finished / "results/tiny"
    made = {str(path.relative_to(results)) for path in results.rglob("*.*")}
    assert {"metrics.csv", "tables/main.csv", "figures/training_curves.svg", "claims.csv"} <= made
    for seed in (0, 1):
        assert {f"runs/zowarmup/{seed}/{name}" for name in RESULTS} <= made
        assert f"warmups/fedavg-high/{seed}/snapshots/round-000060.safetensors" in made


def test_nothing_is_left_half_done(finished: Path) -> None:
    left = [path for path in (finished / "results").rglob("*") if path.suffix == ".tmp"]
    assert left == []
    assert not list((finished / "results").rglob("progress.json"))


def test_the_state_of_a_warmup_is_its_snapshots_under_another_name(finished: Path) -> None:
    for file in (finished / WARMUP).glob("*/snapshots/*.safetensors"):
        assert file.samefile(file.parents[1] / "state" / file.name)


def test_logs_say_how_far_a_job_was(finished: Path) -> None:
    log = (finished / "results/tiny/logs/select/zowarmup.log").read_text()
    assert re.search(r"INFO lr 0.03, seed 0: held-out accuracy 0\.\d{4}, loss \d\.\d{4}", log)


# --- what is made again ---------------------------------------------------------------------


def touch(file: str) -> Callable[[Path], None]:
    return lambda project: os.utime(project / file)


def append(file: str, text: str) -> Callable[[Path], None]:
    def change(project: Path) -> None:
        with (project / file).open("a") as opened:
            opened.write(text)

    return change


def remove(file: str) -> Callable[[Path], None]:
    return lambda project: (project / file).unlink()


ZO = "zowarmup/algorithms/zo.py"
METHOD = """
  appended:
    label: Appended
    phases:
      - {algorithm: fedavg, clients: high, rounds: 20, lr: {same_as: high_res_only}}
      - {algorithm: zo, clients: high, rounds: 10, lr: 0.1}
"""
HARMLESS = [
    edit(ZO, '"""The zeroth-order round', '"""The round'),
    append(ZO, "\n# It is so.\n"),
    edit(ZO, "torch.empty_like(like)", "(torch.empty_like(like))"),
    touch("zowarmup/models/mlp.py"),
    touch("workflow/scripts/train.py"),
    append("workflow/scripts/train.py", "\n# So.\n"),
    append("rules/train.smk", "\n# So.\n"),
    append("zowarmup/engines/plain.py", "\nx = 1\n"),  # another engine than that of the config
    append("zowarmup/models/cnn.py", "\nx = 1\n"),  # another network
    edit("zowarmup/config/registry.py", "NETWORKS = {", 'NETWORKS = {"new": "a.b:c",'),
    edit("tiny.yaml", "{name: batched}", "{name: batched, processes: 4}"),
]
EDITS = {
    "what decides no result": (lambda project: [change(project) for change in HARMLESS], {}),
    "the zeroth-order step": (
        edit(ZO, "total.mul_(lr)", "total.mul_(1.0 * lr)"),
        jobs("select", "collect_trials", *ROWS, train=2),
    ),
    "federated averaging": (
        append("zowarmup/algorithms/fedavg.py", "\nx = 1\n"),
        jobs(*ROWS, warmup=2, select=2, collect_trials=1, train=2),
    ),
    "the network": (
        append("zowarmup/models/mlp.py", "\nx = 1\n"),
        jobs(*ROWS, warmup=2, select=2, collect_trials=1, train=2),
    ),
    "the engine": (
        append("zowarmup/engines/batched.py", "\nx = 1\n"),
        jobs(*ROWS, warmup=2, select=2, collect_trials=1, train=2),
    ),
    "the partition": (
        append("zowarmup/data/partition.py", "\nx = 1\n"),
        jobs(*ROWS, federation=2, warmup=2, select=2, collect_trials=1, train=2),
    ),
    "the script of a run": (
        append("workflow/scripts/train.py", "\nx = 1\n"),
        jobs(*ROWS, train=2),
    ),
    # What a rerun leaves that was cut off: Snakemake takes the outputs away before a job begins.
    "a run that is gone": (remove(f"{RUN}/0/run.json"), jobs(*ROWS, train=1)),
    "a selection that is gone": (
        remove("results/tiny/selections/zowarmup/selection.json"),
        jobs(*ROWS, select=1, collect_trials=1, train=2),
    ),
    "rows that are gone": (remove("results/tiny/metrics.csv"), jobs(*ROWS)),
    "a table": (append("zowarmup/analysis/tables/studies.py", "\nx = 1\n"), jobs("table")),
    "a figure": (
        append("zowarmup/analysis/figures/curves.py", "\nx = 1\n"),
        jobs("figure"),
    ),
    "collecting": (append("zowarmup/analysis/collect/rows.py", "\nx = 1\n"), jobs(*ROWS)),
    "the radius of a probe": (
        edit("tiny.yaml", "zo: {lr: select}", "zo: {lr: select, eps: 1e-3}"),
        jobs("select", "collect_trials", *ROWS, train=2),
    ),
    "another seed": (
        edit("tiny.yaml", "seeds: 2", "seeds: 3"),
        jobs("federation", "warmup", "train", *ROWS),
    ),
    "an appended method": (
        lambda project: (
            edit("tiny.yaml", "\nstudies:", f"{METHOD}\nstudies:")(project),
            edit("tiny.yaml", "high_res_only, zowarmup]", "high_res_only, zowarmup, appended]")(
                project
            ),
        ),
        jobs(*ROWS, train=2),
    ),
    "an appended study": (
        edit("tiny.yaml", "\ntables:", "  again: {methods: [zowarmup], seeds: [1]}\n\ntables:"),
        jobs(*ROWS),
    ),
}


@pytest.fixture(scope="module")
def dry_runs(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """The dry run of each edit in a copy of the finished project."""
    folders = {name: tmp_path_factory.mktemp("edited") / "copy" for name in EDITS}
    for name, folder in folders.items():
        shutil.copytree(finished, folder)
        EDITS[name][0](folder)
    calls = [(folder, ["--dry-run", *TINY]) for folder in folders.values()]
    return dict(zip(EDITS, workbench.snakemake_many(calls), strict=True))


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_reruns_what_it_changes(name: str, dry_runs: dict[str, Answer]) -> None:
    assert planned(dry_runs[name]) == EDITS[name][1]


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy")


def test_a_second_call_has_nothing_to_do(copy: Path) -> None:
    """In a process of its own, as a user calls it."""
    answer = workbench.snakemake(copy, "--cores", "2", *TINY)
    assert planned(answer) == {}


# --- the same bits --------------------------------------------------------------------------


def test_lost_results_come_back_as_they_were(finished: Path, copy: Path) -> None:
    """Seed 0 is trained again; seed 1 still has its journal, which is replayed."""
    shutil.rmtree(copy / RUN / "0")
    (copy / RUN / "1" / "final.safetensors").unlink()
    wanted = [f"{RUN}/{seed}/final.safetensors" for seed in (0, 1)]
    answer = workbench.snakemake(copy, *wanted, "--cores", "2", *TINY)
    assert planned(answer) == {"train": 2}
    assert workbench.saved_bytes(copy) == workbench.saved_bytes(finished)
    assert "replaying" not in (copy / "results/tiny/logs/train/zowarmup/0.log").read_text()
    assert "replaying 40" in (copy / "results/tiny/logs/train/zowarmup/1.log").read_text()


def test_one_process_and_many_give_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    """`zowarmup run` does the jobs one after the other in one process, without Snakemake."""
    results = tmp_path / "results"
    assert main(["run", str(finished / "tiny.yaml"), "--results", str(results)]) == 0
    (results / "tiny/selected-metrics.csv").unlink()
    made, expected = workbench.saved_bytes(tmp_path), workbench.saved_bytes(finished)
    assert {f"{RUN}/{seed}/final.safetensors" for seed in (0, 1)} <= set(made)
    for name, data in made.items():
        if not name.endswith(".jsonl"):  # records name the code, of which scripts are a part
            assert data == expected[name], name


# Put into a copy's package where no digest looks, so that the jobs are those of the original.
DYING = """
import os
import signal

from zowarmup.storage import journal
from zowarmup.training.resume_state import ResumeState

append, save = journal.Journal.append, ResumeState.save


def append_then_death(self, record):
    append(self, record)
    if str(record.get("round")) == os.environ.get("LAST_ROUND_OF_RUN"):
        os.kill(os.getpid(), signal.SIGKILL)


def save_then_death(self):
    t = self.latest[0].t if self.latest else None
    save(self)
    if str(t) == os.environ.get("LAST_ROUND_OF_WARMUP"):
        os.kill(os.getpid(), signal.SIGKILL)


journal.Journal.append = append_then_death
ResumeState.save = save_then_death
"""


@pytest.mark.long
def test_killed_jobs_go_on_where_they_were(finished: Path, copy: Path) -> None:
    """SIGKILL in the middle of a warm-up, then of a run; the results are those of no kill."""
    append("zowarmup/training/__init__.py", DYING)(copy)
    for folder in (WARMUP, RUN):
        shutil.rmtree(copy / folder / "1")
    call = (f"{RUN}/1/metrics.csv", "--cores", "2", *TINY)
    logs = copy / "results/tiny/logs"

    first = workbench.snakemake(copy, *call, LAST_ROUND_OF_WARMUP="30")
    assert first.code == 1
    assert json.loads((copy / WARMUP / "1/state/state.json").read_text())["t"] == 30
    assert not (copy / WARMUP / "1/snapshots").exists()

    second = workbench.snakemake(copy, *call, LAST_ROUND_OF_RUN="41")
    assert second.code == 1
    assert "resuming after round 30" in (logs / "warmup/fedavg-high/1.log").read_text()
    assert (copy / RUN / "1/journal.jsonl").read_bytes().count(b"\n") == 1 + 21
    assert not (copy / RUN / "1/metrics.csv").exists()

    third = workbench.snakemake(copy, *call)
    assert third.code == 0, third.text
    assert "replaying 21 rounds" in (logs / "train/zowarmup/1.log").read_text()
    assert workbench.saved_bytes(copy) == workbench.saved_bytes(finished)


# --- the rules as text ----------------------------------------------------------------------


def rules_of(project: Path) -> dict[str, str]:
    """The text of every named rule except `all`."""
    text = "\n".join(path.read_text() for path in sorted(project.glob("rules/*.smk")))
    found = re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    return dict(found)


def test_snakemake_finds_nothing_to_criticise(project: Path) -> None:
    answer = workbench.snakemake(project, "--lint", *TINY)
    assert answer.code == 0, answer.text


def test_every_rule_tells_all(project: Path) -> None:
    rules = rules_of(project)
    assert len(rules) >= 9
    for name, text in rules.items():
        parts = dict(re.findall(r"^    (\w+):(.*(?:\n        .*)*)", text, re.MULTILINE))
        wanted = {"output", "log", "benchmark", "conda", "threads", "resources", "params", "script"}
        assert wanted <= set(parts), f"{name} lacks {wanted - set(parts)}"
        assert {"mem_mb", "runtime"} <= named(parts["resources"]), name
        assert "code" in named(parts["params"]), f"{name} does not pass the digest of its code"
        for part in ("input", "output"):
            lines = re.findall(r"^ {8}[^ )].*", parts.get(part, ""), re.MULTILINE)
            assert all(re.match(r"        (\w+=|unpack\()", line) for line in lines), name


def named(text: str) -> set[str]:
    return set(re.findall(r"^        (\w+)=", text, re.MULTILINE))


def test_rules_hold_no_anonymous_functions(project: Path) -> None:
    for path in [project / "Snakefile", *project.glob("rules/*.smk")]:
        assert "lambda" not in path.read_text(), path.name


def test_only_scripts_know_of_snakemake(project: Path) -> None:
    """And what they do with it is to pass it on: the library runs without."""
    for path in project.glob("zowarmup/**/*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
        imported += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
        assert not any(name.partition(".")[0] == "snakemake" for name in imported), path
        assert not any(isinstance(n, ast.Name) and n.id == "snakemake" for n in nodes), path
    for path in project.glob("workflow/scripts/*.py"):
        text = path.read_text()
        assert "snakemake.config" not in text
        assert len(text.splitlines()) <= 25, path.name


def test_targets_of_studies_stand_beside_the_main_results(project: Path) -> None:
    """`snakemake main` makes the study's own tables from its own rows."""
    [answer] = workbench.snakemake_many([(project, ["main", "--dry-run", *TINY])])
    made = planned(answer)
    assert made["train"] == 2
    assert "results/tiny/studies/main/tables/main.csv" in answer.text
    assert "results/tiny/tables/main.csv" not in answer.text
