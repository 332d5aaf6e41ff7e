"""`zowarmup preview`: what finished runs show before the others have."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from zowarmup.__main__ import main

PREVIEW = Path("results/tiny/preview")


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished / "results", tmp_path / "results")
    text = (finished / "tiny.yaml").read_text().replace("[main]", "[main, learning_rates]")
    (tmp_path / "tiny.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def facts(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["preview", "tiny.yaml", "--json", *words]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def shown(file: Path) -> set[tuple[str, str]]:
    """The runs and seeds whose rows are in a file."""
    with file.open(newline="") as lines:
        return {(row["run"], row["seed"]) for row in csv.DictReader(lines)}


def test_it_shows_the_runs_that_have_finished(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "results/tiny/runs/zowarmup/1/run.json").unlink()
    answer = facts(capsys)
    assert answer["finished"] == {"main": "3 of 4 runs"}
    assert answer["left_out"] == []
    finished = {("high_res_only", "0"), ("high_res_only", "1"), ("zowarmup", "0")}
    assert shown(PREVIEW / "metrics.csv") == finished
    page = Path(answer["page"]).read_text()
    for file in ("tables/main.html", "tables/learning_rates.html", "figures/training_curves.svg"):
        assert (PREVIEW / file).is_file()
        assert f'"{file}"' in page
    assert (PREVIEW / "claims.html").is_file()
    assert "3 of 4 runs" in page


def test_it_writes_where_it_is_told(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert facts(capsys, "--output", "seen")["page"] == "seen/index.html"
    assert not PREVIEW.exists()


def test_it_overwrites_no_result(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (copy / "results/tiny/metrics.csv").read_bytes()
    assert main(["preview", "tiny.yaml", "--output", "results/tiny"]) == 2
    assert "has the results themselves; name another folder" in capsys.readouterr().err
    assert (copy / "results/tiny/metrics.csv").read_bytes() == before


def test_runs_of_other_settings_do_not_count(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (copy / "tiny.yaml").read_text()
    (copy / "tiny.yaml").write_text(text.replace("rounds: 40", "rounds: 30"))
    assert facts(capsys)["finished"] == {"main": "2 of 4 runs"}
    assert shown(PREVIEW / "metrics.csv") == {("high_res_only", "0"), ("high_res_only", "1")}


def test_what_needs_a_missing_file_is_left_out(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (copy / "tiny.yaml").read_text()
    models = "\nmemory: {models: [mlp]}\n"
    (copy / "tiny.yaml").write_text(text.replace("[main, ", "[main, memory, ") + models)
    [left_out] = facts(capsys)["left_out"]
    assert left_out["what"] == "table memory"
    assert left_out["why"].startswith("results/tiny/memory/mlp/")
    assert not (PREVIEW / "tables/memory.html").exists()


def test_what_these_runs_cannot_show_is_left_out(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As long as High Res Only alone has finished, which is the warm-up of the others."""
    text = (copy / "tiny.yaml").read_text()
    (copy / "tiny.yaml").write_text(text.replace("[main, ", "[gradient_quality, main, "))
    for record in copy.glob("results/tiny/runs/zowarmup/*/run.json"):
        record.unlink()
    answer = facts(capsys)
    assert answer["finished"] == {"main": "2 of 4 runs"}
    assert [left_out["what"] for left_out in answer["left_out"]] == ["table gradient_quality"]
    assert (PREVIEW / "tables/main.html").is_file()


def test_without_a_finished_run_it_says_so(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("runs", "warmups"):
        shutil.rmtree(copy / "results/tiny" / folder)
    assert main(["preview", "tiny.yaml"]) == 2
    assert "no run of this config has finished" in capsys.readouterr().err
    assert not PREVIEW.exists()
