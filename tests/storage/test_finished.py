"""What `zowarmup run` says of finished training of other settings."""

import json
import shutil
from pathlib import Path

import pytest
import workbench

from zowarmup.__main__ import main
from zowarmup.plan.plan import plan
from zowarmup.storage import finished

TINY = workbench.PROJECT / "tests" / "tiny.yaml"
WARMUP = "results/tiny/warmups/fedavg-high/0/run.json"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warm-up and a run, with learning rates that are given."""
    folder = tmp_path_factory.mktemp("finished")
    assert main(arguments(folder, "")) == 0
    return folder


def arguments(folder: Path, old: str, new: str = "") -> list[str]:
    """The command for tiny.yaml with `old` replaced."""
    text = TINY.read_text().replace("{lr: select", "{lr: 0.1")
    text = text.replace(", lr: {same_as: high_res_only}", "")
    assert old in text
    (folder / "tiny.yaml").write_text(text.replace(old, new, 1) if old else text)
    results = str(folder / "results")
    return [
        *("run", str(folder / "tiny.yaml"), "--results", results),
        *("--run", "zowarmup", "--seed", "0"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("fedavg: {lr: 0.1", "fedavg: {lr: 0.2", "phases.0.lr was 0.1 and is 0.2"),
        ("rounds: 40", "rounds: 50", "phases.1.rounds was 40 and is 50"),
        ("rounds: 20", "rounds: 30", "phases.0.rounds was 20 and is 30"),
        (
            "label: ZOWarmUp\n",
            "label: ZOWarmUp\n    pivot: auto\n",
            "pivot_rule was None and is {",
        ),
        ("zo: {lr: 0.1", "zo: {lr: auto", "phases.1.lr was 0.1 and is auto"),
        ("evaluate_every: 10", "evaluate_every: 5", "evaluate_every was 10 and is 5"),
        ("alpha: 0.5", "alpha: 0.6", "it was dealt with other settings than those"),
        ("alpha: 0.5", "alpha: 0.5, holdout: 0.2", "it was dealt with other settings than those"),
    ],
)
def test_a_run_of_other_settings_is_refused(
    folder: Path, old: str, new: str, change: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = workbench.contents(folder / "results", ())
    assert main(arguments(folder, old, new)) == 2
    said = capsys.readouterr().err
    assert change in said
    assert "in the config or its selections; delete it and all that depends on it" in said
    assert workbench.contents(folder / "results", ()) == before


def test_the_same_settings_are_not(folder: Path) -> None:
    assert main(arguments(folder, "")) == 0


def test_what_a_selection_decides_must_be_what_the_run_has(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the selection is of another grid than the config's."""
    shutil.copytree(folder / "results", tmp_path / "results")
    assert main(arguments(tmp_path, "zo: {lr: 0.1", "zo: {lr: select")) == 2
    [chosen] = tmp_path.glob("results/tiny/selections/*/selection.json")
    rate = json.loads(chosen.read_text())["rates"]["2.lr"]
    assert (
        f"phases.1.lr was 0.1 and is {rate} in the config or its selections"
        in capsys.readouterr().err
    )
    text = TINY.read_text().replace("fedavg: {lr: select", "fedavg: {lr: 0.1")
    text = text.replace(", lr: {same_as: high_res_only}", "")
    assert "    zo: [0.03, 0.1]" in text
    words = arguments(tmp_path, "")
    (tmp_path / "tiny.yaml").write_text(text.replace("    zo: [0.03, 0.1]", "    zo: [0.01, 0.3]"))
    assert main(words) == 2
    assert f"{chosen}: axes.2.lr" in capsys.readouterr().err


def test_a_rate_that_a_selection_decides_is_no_other_setting(folder: Path) -> None:
    """The plan has no number for it."""
    made = plan([str(TINY)])
    assert made.selections
    record = folder / WARMUP
    assert finished.change(record, made.warmups["fedavg-high"]) == ""


def test_a_longer_warm_up_serves_a_shorter_one(folder: Path) -> None:
    arguments(folder, "rounds: 60", "rounds: 30")
    made = plan([str(folder / "tiny.yaml")])
    assert finished.change(folder / WARMUP, made.warmups["fedavg-high"]) == ""
