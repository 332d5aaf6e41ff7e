"""Folders and files that a user names and that cannot be: one sentence, and nothing is written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import workbench

from zowarmup.__main__ import main
from zowarmup.common import user_paths
from zowarmup.common.errors import UserError
from zowarmup.config import source_files
from zowarmup.data import dataset_file

TINY = workbench.PROJECT / "tests" / "tiny.yaml"


def nested(file: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def there(folder: Path) -> object:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        return make(folder / file)

    return there


# by name: what lies in the folder beforehand, and how the sentence begins or ends
IN_THE_WAY = {
    "a link to nowhere": (
        nested("results", lambda path: path.symlink_to("none")),
        "results: is no folder; move it away or name another folder",
    ),
    "a circle of links": (
        nested("results", lambda path: path.symlink_to("results")),
        "results: is no folder; move it away or name another folder",
    ),
    "a file": (
        nested("results", lambda path: path.write_text("x")),
        "results: is no folder; move it away or name another folder",
    ),
    "a device": (
        nested("results", lambda path: path.symlink_to("/dev/null")),
        "results: is no folder; move it away or name another folder",
    ),
    "a file for the config's folder": (
        nested("results/tiny", lambda path: path.write_text("x")),
        "results/tiny: is no folder; move it away or name another folder",
    ),
    "a link of the config's folder to nowhere": (
        nested("results/tiny", lambda path: path.symlink_to("../none/x")),
        "results/tiny: is no folder; move it away or name another folder",
    ),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_results_that_cannot_be_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make, sentence = IN_THE_WAY[name]
    make(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["run", str(TINY)]) == 2
    assert capsys.readouterr().err == f"zowarmup: {sentence}\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_snakemake_says_so_before_any_job(project: Path, tmp_path: Path) -> None:
    folders = [workbench.copy_project(tmp_path / str(i)) for i in range(len(IN_THE_WAY))]
    for folder, (make, _) in zip(folders, IN_THE_WAY.values(), strict=True):
        make(folder)
    calls = [(folder, ["-n", "--configfile", "tiny.yaml"]) for folder in folders]
    for answer, (_, said) in zip(workbench.snakemake_many(calls), IN_THE_WAY.values(), strict=True):
        assert (answer.code, answer.text.splitlines()[-1]) == (1, f"zowarmup: {said}")


def test_results_may_be_a_link_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "results").symlink_to("store")
    assert user_paths.folder(tmp_path / "results" / "new", "results") == tmp_path / "results/new"


@pytest.mark.parametrize("command", ["run", "status", "clean"])
@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ("", "{}: '' names no folder; give its path, such as results"),
        ("~nosuchuser/x", "{}: ~nosuchuser/x: this user has no home folder; give the whole"),
        ("x" * 300, f"{'x' * 300}: File name too long; name another folder"),
        ("/dev/null/x", "/dev/null: is no folder; move it away or name another folder"),
        ("a\0b", r"{}: 'a\x00b' names no folder; give its path, such as results"),
    ],
)
def test_folders_for_results_that_cannot_be(
    command: str, results: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty name stood for the root of the file system."""
    assert main([command, str(TINY), "--results", results]) == 2
    name = "results" if command == "run" else "--results"
    assert capsys.readouterr().err.startswith(f"zowarmup: {sentence.format(name)}")


def test_the_home_folder_is_that_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shell leaves --results=~/x as it is; a folder with the name ~ was made of it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["clean", str(TINY), "--results=~/x"]) == 2
    assert f"{tmp_path}/x/tiny: no such folder" in capsys.readouterr().err


def test_a_data_folder_of_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = r"~nosuchuser/x: this user has no home folder; give the whole path"
    with pytest.raises(UserError, match=f"^data_dir: {said}$"):
        dataset_file.load_source("mine", "~nosuchuser/x")
    monkeypatch.setenv(source_files.DATA_DIR, "~nosuchuser/x")
    with pytest.raises(UserError, match=f"^{source_files.DATA_DIR}: {said}$"):
        dataset_file.load_source("cifar10")


def test_a_plan_says_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "config.yaml"
    own = "{source: mine, data_dir: ~nosuchuser, images_train: null, images_test: null}"
    file.write_text(f"extends: {TINY}\ndatasets: {{digits: {own}}}\n")
    assert main(["plan", str(file), "--no-calibration"]) == 2
    assert "data_dir: ~nosuchuser: this user has no home" in capsys.readouterr().err


def test_snakemake_says_it_before_any_job_and_only_while_it_matters(
    project: Path, tmp_path: Path
) -> None:
    copy = workbench.copy_project(tmp_path / "copy", project)
    own = "{source: mine, data_dir: ~nosuchuser, images_train: 40, images_test: 20}"
    (copy / "mine.yaml").write_text(f"extends: tiny.yaml\ndatasets: {{digits: {own}}}\n")
    call = (copy, ["-n", "--configfile", "mine.yaml"])
    [answer] = workbench.snakemake_many([call])
    assert answer.code == 1
    said = answer.text.strip().splitlines()[-1]
    assert "Traceback" not in answer.text
    assert said.startswith("zowarmup: data_dir: ~nosuchuser: this user has no home folder")
    (copy / "results/tiny/datasets/digits").mkdir(parents=True)
    (copy / "results/tiny/datasets/digits/dataset.npz").write_bytes(b"made before")
    [answer] = workbench.snakemake_many([call])
    assert answer.code == 0, answer.text


@pytest.mark.parametrize("command", ["plan", "run", "status", "clean"])
def test_a_config_that_is_a_circle_of_links(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    assert main([command, str(tmp_path / "loop")]) == 2
    assert "Too many levels of symbolic links; give" in capsys.readouterr().err


def test_a_link_to_nowhere_deep_in_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nested("results/tiny/datasets", lambda path: path.symlink_to("none"))(tmp_path)
    assert main(["run", str(TINY)]) == 2
    assert capsys.readouterr().err == (
        "zowarmup: results/tiny/datasets: File exists; look at it and move it away\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
@pytest.mark.parametrize("command", [["plan", "--list"], ["status"], ["plan", "--no-calibration"]])
def test_output_that_cannot_be_written(command: list[str]) -> None:
    """Python's own end would be a traceback that it ignores, and the exit code 120."""
    call = [sys.executable, "-m", "zowarmup", command[0], str(TINY), *command[1:]]
    with open("/dev/full", "w") as full:
        done = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("zowarmup: a file or the output: No space left on device; ")
    assert len(done.stderr.splitlines()) == 1
