"""Which machines worked on a result is kept beside it; nothing becomes stale by it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kills
import pytest
import torch
import workbench

from zowarmup.inspection.inspect import inspect
from zowarmup.runtime import machine
from zowarmup.storage import machines_json

OTHER = {"processor": "Another chip", "capability": "AVX512", "variables": {"MKL_CBWR": "AVX2"}}
SAID = "Another chip (AVX512), MKL_CBWR=AVX2"
Job = Callable[[str], None]


@pytest.fixture
def made(chain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(chain / "whole", tmp_path / "made"))


@pytest.fixture
def job(chain: Path, made: Path) -> Job:
    return lambda name: dict(kills.jobs(chain, made, **kills.SHORT))[name]()


def record(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("name", ["select/selection.json", "warm/run.json", "run/run.json"])
def test_a_result_says_which_machine_made_it(made: Path, name: str) -> None:
    [only] = record(made / name)["machines"]
    assert only == machine.here()
    assert only["processor"]
    assert only["capability"] == torch.backends.cpu.get_cpu_capability()


def test_variables_that_choose_kernels_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert machine.here()["variables"]["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert ", ONEDNN_MAX_CPU_ISA=AVX2" in machine.said(machine.here())


def elsewhere(folder: Path) -> None:
    """As if the work that lies in a folder had been begun on another machine."""
    file = folder / machines_json.FILE
    file.write_text(json.dumps(record(file) | {"machines": [OTHER]}))


@pytest.mark.parametrize("name", ["warm", "run"])
def test_resuming_the_work_of_another_machine_is_said_and_not_refused(
    made: Path, job: Job, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = workbench.contents(made, ("lock", "run.json", machines_json.FILE))
    folder = made / name
    elsewhere(folder)
    (folder / "run.json").unlink()
    if name == "run":  # half a journal
        journal = folder / "journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    job(name)
    [said] = [text for text in caplog.messages if "another kind of machine" in text]
    assert SAID in said
    assert machine.said(machine.here()) in said
    assert not [text for text in caplog.messages if "starting over" in text]
    assert workbench.contents(made, ("lock", "run.json", machines_json.FILE)) == before
    assert record(folder / "run.json")["machines"] == [OTHER, machine.here()]


def test_inspect_names_the_machines_of_finished_and_of_begun_work(made: Path) -> None:
    here = machine.said(machine.here())
    assert inspect(made / "run")["origin"]["machine"] == here
    (made / "run/run.json").unlink()
    file = made / "run" / machines_json.FILE
    file.write_text(json.dumps(record(file) | {"machines": [OTHER, machine.here()]}))
    assert inspect(made / "run")["origin"]["machine"] == f"{SAID}, then {here}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"provenance": 1, "machines": [{}]}', "\xff"])
def test_a_damaged_file_says_nothing_and_keeps_nobody_from_work(
    made: Path, job: Job, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    (made / "run" / machines_json.FILE).write_text(text, encoding="latin-1")
    (made / "run/run.json").unlink()
    job("run")
    assert record(made / "run/run.json")["machines"] == [machine.here()]
    assert not [said for said in caplog.messages if "machine" in said]


def test_work_that_is_started_over_is_of_this_machine_alone(made: Path, job: Job) -> None:
    elsewhere(made / "run")
    shutil.rmtree(made / "warm")
    file = made / "run" / machines_json.FILE
    file.write_text(json.dumps(record(file) | {"provenance": "of older settings"}))
    job("warm")
    job("run")
    assert record(made / "run/run.json")["machines"] == [machine.here()]
