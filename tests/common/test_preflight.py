"""Jobs run the code beside the Snakefile, find its files from any folder, and refuse bad paths."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import workbench
from workbench import PROJECT

from zowarmup.__main__ import main
from zowarmup.common import preflight, user_paths
from zowarmup.common.errors import UserError

DATASET = "results/tiny/datasets/digits/dataset.npz"
MARK = 'raise RuntimeError("code of the copy")\n'


@pytest.fixture
def edited(project: Path, tmp_path: Path) -> Path:
    """A copy of the project whose code differs: a job that loads images fails and says so."""
    copy = workbench.copy_project(tmp_path / "edited", project)
    with (copy / "zowarmup" / "data" / "dataset_file.py").open("a") as file:
        file.write(MARK)
    return copy


def refusal(folder: Path | None) -> str:
    with pytest.raises(UserError) as caught:
        preflight.check_code(folder)
    return str(caught.value)


# --- which code runs ------------------------------------------------------------------------


def test_jobs_run_the_code_beside_the_snakefile(edited: Path) -> None:
    """The installed package, or one that PYTHONPATH names, is that of another checkout."""
    arguments = (DATASET, "--cores", "1", "--configfile", "tiny.yaml")
    answer = workbench.snakemake(edited, *arguments, PYTHONPATH=str(PROJECT))
    assert answer.code == 1
    assert "code of the copy" in answer.text
    assert not (edited / DATASET).exists()


def test_code_that_was_imported_before_is_refused(edited: Path) -> None:
    """As by a program that calls Snakemake for several checkouts."""
    program = (
        "import sys, zowarmup.plan.plan, snakemake.cli\n"
        "snakemake.cli.main(['-n', '-s', sys.argv[1] + '/Snakefile', '-d', sys.argv[1]])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(edited)],
        env=workbench.environment(PROJECT),
        cwd=PROJECT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"zowarmup: {refusal(edited)}"


def test_code_that_differs_is_named_with_what_to_type(edited: Path) -> None:
    sentence = refusal(edited)
    assert f"{edited}: zowarmup/data/dataset_file.py differs from {PROJECT}" in sentence
    assert f"cd {edited} && make install" in sentence


def test_a_module_more_or_less_is_a_difference(edited: Path) -> None:
    (edited / "zowarmup" / "algorithms" / "a_new_one.py").write_text("")
    assert "zowarmup/algorithms/a_new_one.py" in refusal(edited)
    (edited / "zowarmup" / "algorithms" / "adam.py").unlink()
    (edited / "zowarmup" / "algorithms" / "a_new_one.py").unlink()
    assert "zowarmup/algorithms/adam.py" in refusal(edited)


def test_equal_code_runs_from_wherever_it_is(project: Path, tmp_path: Path) -> None:
    preflight.check_code(project)
    preflight.check_code(tmp_path)  # no code there, so the installed one runs
    (tmp_path / "link").symlink_to(PROJECT)
    preflight.check_code(tmp_path / "link")


@pytest.mark.parametrize(
    "words",
    [
        ["run", "tiny.yaml"],
        ["run", "../tiny.yaml"],
        ["clean", "tiny.yaml"],
        ["verify", "results/tiny"],
        ["replay", "results/tiny/runs/zowarmup/0"],
        ["evaluate", "results/tiny/runs/zowarmup/0"],
    ],
    ids=" ".join,
)
def test_commands_refuse_the_code_of_another_checkout(
    edited: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Else they would train with it, or take saved work of the code at hand for stale."""
    monkeypatch.chdir(edited / "config" if words[1].startswith("..") else edited)
    assert main(words) == 2
    assert capsys.readouterr().err == f"zowarmup: {refusal(edited)}\n"
    assert not (edited / "results").exists()


@pytest.mark.parametrize(
    "words", [["plan", "tiny.yaml", "--list"], ["status", "tiny.yaml"], ["inspect", "tiny.yaml"]]
)
def test_commands_that_only_look_warn_and_go_on(
    edited: Path, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(edited)
    code = main(words)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == f"zowarmup: warning: {refusal(edited)}"
    assert code == (2 if words[0] == "inspect" else 0)  # a config is no result
    monkeypatch.chdir(PROJECT)
    main([words[0], str(PROJECT / "tests/tiny.yaml"), *words[2:]])
    assert "warning" not in capsys.readouterr().err


def test_files_of_editors_are_no_code(project: Path, tmp_path: Path) -> None:
    copy = workbench.copy_project(tmp_path / "copy", project)
    (copy / "zowarmup/algorithms/.#fedavg.py").symlink_to("nobody@nowhere.1")
    (copy / "zowarmup/.ipynb_checkpoints").mkdir()
    (copy / "zowarmup/.ipynb_checkpoints/api-checkpoint.py").write_text("1 / 0\n")
    preflight.check_code(copy)


# --- paths that a shell or Python reads otherwise -------------------------------------------


@pytest.mark.parametrize("name", ["a b", "it's"])
def test_snakemake_refuses_a_path_that_cannot_start_jobs(
    project: Path, tmp_path: Path, name: str
) -> None:
    environment = tmp_path / name
    environment.symlink_to(sys.prefix)
    done = subprocess.run(
        [environment / "bin" / "python", "-m", "snakemake", "-n", "--configfile", "tiny.yaml"],
        cwd=project,
        env=workbench.environment(project),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 1
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        f"zowarmup: {environment}/bin/python: jobs cannot be started from a path"
    )


MISREAD = " \t\n\"'$&()*;<>?[]\\`{|}:"


@pytest.mark.parametrize("name", [f"a{c}b" for c in MISREAD])
def test_such_a_path_is_refused_before_anything_is_installed(tmp_path: Path, name: str) -> None:
    done = preflight_of_make(tmp_path / name)
    assert done.returncode == 1
    assert done.stderr.startswith("zowarmup: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name", ["aäb", "a中b", "-ab", "~a", "a#b", "a%b", "a@b", "a,b=c+d", "a!b"]
)
def test_other_paths_are_taken(tmp_path: Path, name: str) -> None:
    """A real job has run below each of these names."""
    assert preflight_of_make(tmp_path / name).returncode == 0


def preflight_of_make(folder: Path) -> subprocess.CompletedProcess[str]:
    folder.mkdir()
    return subprocess.run(
        [sys.executable, "-m", "zowarmup.common.preflight"],
        cwd=folder,
        env=workbench.environment(PROJECT),
        stderr=subprocess.PIPE,
        text=True,
    )


# --- files that are found from any folder ---------------------------------------------------


def test_a_workflow_can_be_started_from_anywhere(project: Path, tmp_path: Path) -> None:
    """Configs and claims lie beside the Snakefile; results go to the folder of work."""
    snakefile = ["-n", "--snakefile", str(project / "Snakefile")]
    tiny = ["--configfile", str(project / "tiny.yaml")]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    expected, *found = workbench.snakemake_many(
        [
            (project, ["-n", *tiny]),
            (project, ["-n", *tiny, "-d", str(tmp_path / "made")]),
            (elsewhere, [*snakefile, *tiny]),
        ]
    )
    assert [workbench.planned(answer) for answer in found] == [workbench.planned(expected)] * 2
    assert str(project / "config" / "claims.yaml") in found[1].text
    assert str(project) not in expected.text.split("rule claims:")[1].split("output:")[0]


def test_the_default_config_is_found_from_anywhere(project: Path, tmp_path: Path) -> None:
    target = "results/digits/datasets/digits/dataset.npz"
    snakefile = str(project / "Snakefile")
    [answer] = workbench.snakemake_many([(tmp_path, [target, "-n", "--snakefile", snakefile])])
    assert workbench.planned(answer) == {"dataset": 1}


def test_claims_that_are_nowhere_are_one_sentence(project: Path, tmp_path: Path) -> None:
    file = tmp_path / "lost.yaml"
    file.write_text(f"extends: {project}/tiny.yaml\nclaims: lost/claims.yaml\n")
    [answer] = workbench.snakemake_many([(project, ["-n", "--configfile", str(file)])])
    assert answer.code == 1
    said = answer.text.splitlines()[-1]
    assert said.startswith("zowarmup: claims: lost/claims.yaml: no such file in ")
    assert str(tmp_path) in said


def test_a_named_file_is_looked_for_from_the_nearest_folder_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of work first, as ever; then the configs, the last one first; then the code."""
    work, one, two, checkout = (tmp_path / name for name in ("work", "one", "two", "checkout"))
    for folder in (work, one, two, checkout):
        folder.mkdir()
    monkeypatch.chdir(work)

    def found() -> str:
        return user_paths.find("claims", "c.yaml", [one / "x.yaml", two / "y.yaml"], checkout)

    for folder in (checkout, one, two):
        (folder / "c.yaml").touch()
        assert found() == str(folder / "c.yaml")
    (work / "c.yaml").touch()
    assert found() == "c.yaml"


# --- make -----------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """What `make install` looks at: the sources, and a .venv that imports them."""
    folder = tmp_path / "installed"
    (folder / "zowarmup").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock", "pyproject.toml", "zowarmup/__init__.py"):
        shutil.copy2(PROJECT / name, folder / name)
    new = [sys.executable, "-m", "venv", "--without-pip", folder / ".venv"]
    subprocess.run(new, check=True)
    [packages] = folder.glob(".venv/lib/python*/site-packages")
    (packages / "zowarmup.pth").write_text(f"{folder}\n")
    (folder / ".venv" / ".ready").touch()
    return folder


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make` as from a shell, also where the tests were started by it."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words, f"PYTHON={sys.executable}"],
        cwd=folder,
        env=kept,
        capture_output=True,
        text=True,
    )


def is_ready(folder: Path) -> bool:
    return make(folder, "--question", "install").returncode == 0


def test_an_installation_in_place_is_left_alone(installed: Path) -> None:
    assert is_ready(installed)
    (installed.parent / "link").symlink_to(installed)
    assert is_ready(installed.parent / "link")


def test_an_installation_is_made_again_after_a_move(installed: Path) -> None:
    assert not is_ready(installed.rename(installed.parent / "moved"))


def test_an_installation_is_made_again_in_a_copy(installed: Path) -> None:
    copy = installed.parent / "copy"
    shutil.copytree(installed, copy, symlinks=True)
    assert not is_ready(copy)
    assert is_ready(installed)


def test_an_installation_is_made_again_without_its_python(installed: Path) -> None:
    for link in (installed / ".venv" / "bin").glob("python*"):
        link.unlink()
        link.symlink_to("/nowhere/python")
    assert not is_ready(installed)


def test_an_installation_is_made_again_for_another_version_of_python(installed: Path) -> None:
    [library] = installed.glob(".venv/lib/python*")
    library.rename(library.with_name("python3.10"))
    assert not is_ready(installed)


def test_a_link_to_the_installation_of_another_checkout_is_refused(installed: Path) -> None:
    """Making that one again would take it away from its own checkout."""
    other = installed.parent / "other"
    shutil.copytree(installed, other, ignore=shutil.ignore_patterns(".venv"))
    shutil.copytree(PROJECT / "zowarmup/common", other / "zowarmup/common")
    for target in (installed / ".venv", installed.parent / "nowhere"):
        (other / ".venv").symlink_to(target)
        done = make(other, "install")
        assert done.returncode != 0
        assert f".venv is not a folder of this checkout but {target}" in done.stdout
        assert "type: rm .venv && make install" in done.stdout
        (other / ".venv").unlink()
    assert is_ready(installed)


def test_make_refuses_a_path_before_it_installs(installed: Path) -> None:
    folder = installed.rename(installed.parent / "my experiments")
    shutil.copytree(PROJECT / "zowarmup/common", folder / "zowarmup/common")
    done = make(folder, "install")
    assert done.returncode != 0
    assert f"zowarmup: {folder}/.venv/bin/python: jobs cannot be started from a path" in done.stderr


def test_make_from_another_folder_says_what_to_type(installed: Path, tmp_path: Path) -> None:
    done = make(tmp_path, "--file", str(installed / "Makefile"), "report")
    assert done.returncode == 2
    assert f"type: make -C {installed}/ report" in done.stderr
    assert make(tmp_path, "-C", str(installed), "--question", "install").returncode == 0
