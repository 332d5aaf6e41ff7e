"""Full disks, and folders that cannot be written."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import workbench

from zowarmup.__main__ import main

KB = 1024
TINY = ("--configfile", "tiny.yaml")


def mount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-o", options, disk], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 16 kB, in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={16 * KB}", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only who may mount a file system can try a full one: run the tests as root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def run(results: Path) -> int:
    config = str(workbench.PROJECT / "tests" / "tiny.yaml")
    return main(["run", config, "--seed", "0", "--results", str(results)])


def test_a_full_disk_is_one_sentence_and_with_room_the_same_bytes(
    disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A little more room after each failure, so that it fails in all sorts of places."""
    assert run(tmp_path / "undisturbed") == 0
    capsys.readouterr()
    sentences, size = [], 16
    while run(disk) != 0:
        [sentence] = capsys.readouterr().err.strip().splitlines()[-1:]
        sentences.append(sentence)
        assert "No space left on device; " in sentence
        assert "zowarmup clean CONFIG" in sentence
        size += 16
        assert size < 4096, sentences
        mount(disk, f"remount,size={size * KB}")
    named = {Path(sentence.split(": ")[1]).name for sentence in sentences}
    assert {"dataset.npz", "journal.jsonl"} <= named
    assert workbench.contents(disk) == workbench.contents(tmp_path / "undisturbed")
    assert not [path for path in disk.rglob("*") if path.name.endswith(".tmp")]


def test_a_disk_that_cannot_be_written_is_one_sentence(
    disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mount(disk, "remount,ro")
    assert run(disk) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith(f"zowarmup: {disk}/tiny")
    assert "Read-only file system; make it writable" in said


def test_jobs_of_the_workflow_say_it_too(disk: Path, project: Path, tmp_path: Path) -> None:
    copy = workbench.copy_project(tmp_path / "copy", project)
    (copy / "results").symlink_to(disk)
    answer = workbench.snakemake(copy, "--cores", "2", *TINY)
    assert answer.code == 1
    assert (
        "zowarmup: results/tiny/datasets/digits/dataset.npz: No space left on device; "
        in answer.text
    )
    assert "Traceback" not in answer.text.split("RuleException")[0]
    assert not list(disk.rglob("dataset.npz"))
