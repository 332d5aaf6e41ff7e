"""Errors in jobs of the workflow: one sentence on the terminal and in the log."""

import shutil
from pathlib import Path

import malform as m
import pytest
import workbench
from commands import DATA, DEALT, SUMMARY, TINY

from zowarmup.common.job_log import log_to


def test_a_job_says_which_of_its_inputs_is_damaged(
    project: Path, finished: Path, tmp_path: Path
) -> None:
    """On the terminal and in its log, without a traceback of ours, and nothing is made of it."""
    copy = workbench.copy_project(tmp_path / "copy", project)
    data = copy / "results" / "tiny" / DATA
    data.parent.mkdir(parents=True)
    for file in (DATA, SUMMARY):
        shutil.copy2(finished / "results/tiny" / file, copy / "results/tiny" / file)
    data.write_bytes(m.cut(0.5)(data.read_bytes()))
    before = data.read_bytes()
    dealt = f"results/tiny/{DEALT}"
    answer = workbench.snakemake(copy, dealt, "--cores", "1", "--configfile", "tiny.yaml")
    assert answer.code == 1
    sentence = f"zowarmup: results/tiny/{DATA}: not a readable .npz file ("
    assert sentence in answer.text
    assert "Traceback" not in answer.text.split("RuleException")[0]
    log = (copy / "results/tiny/logs/federation/default/0.log").read_text()
    assert log.count("\n") == 1
    assert "not a readable .npz" in log
    assert data.read_bytes() == before
    assert not (copy / dealt).exists()


def test_what_nobody_foresaw_is_in_the_log_and_one_line_on_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(SystemExit) as end, log_to(log):
        raise LookupError("odd\nin many lines")
    assert end.value.code == f"zowarmup: the job failed (LookupError: odd); {log} has the traceback"
    assert "Traceback" in log.read_text()


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end, log_to(tmp_path / "nowhere" / "log"):
        raise AssertionError("it must not begin")
    assert str(end.value.code).startswith(f"zowarmup: {tmp_path}/nowhere/log: No such file")


def test_a_workflow_says_what_is_wrong_before_it_makes_anything(
    project: Path, tmp_path: Path
) -> None:
    """Snakemake reads the config first; what it cannot read it names in a last line of its own."""
    copy = workbench.copy_project(tmp_path / "copy", project)
    (copy / "bad.yaml").write_text(TINY.read_text().replace("clients: 10,", "clients: ten,"))
    (copy / "list.yaml").write_text("- 1\n")
    (copy / "code.yaml").write_text("name: !!python/object/apply:os._exit [66]\n")
    files = ("bad.yaml", "list.yaml", "code.yaml", "nowhere.yaml")
    answers = workbench.snakemake_many([(copy, ["-n", "--configfile", file]) for file in files])
    assert [answer.code for answer in answers] == [1] * len(files)
    bad, *others = (answer.text.strip().splitlines() for answer in answers)
    assert bad[-1].startswith("zowarmup: ")
    assert "bad.yaml: federations.default.clients:" in bad[-1]
    for lines in others:
        assert "onfig file" in lines[-1] or "nowhere.yaml" in lines[-1]
    assert not (copy / "results").exists()
