"""`zowarmup status`, `zowarmup verify`: how far results are, whether they are what they say."""

import json
import platform
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from zowarmup.__main__ import main
from zowarmup.common.files import lock
from zowarmup.inspection import job_status, status_view
from zowarmup.inspection.verify import verify
from zowarmup.storage import journal
from zowarmup.storage.run_json import sha256

TINY = Path("results/tiny")
RUN, WARMUP = TINY / "runs/zowarmup", TINY / "warmups/fedavg-high"
CHOICE = TINY / "selections/zowarmup"


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(finished / "results", tmp_path / "results")
    shutil.copy(finished / "tiny.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def states(capsys: pytest.CaptureFixture[str], *words: str) -> dict[tuple[str, str], Any]:
    """By name and seed what `zowarmup status` says."""
    assert main(["status", *words, "--json"]) == 0
    return {(job["name"], job["seed"]): job for job in json.loads(capsys.readouterr().out)}


def undone(folder: Path, *more: str) -> None:
    """As a job leaves it that was killed."""
    for name in ("run.json", "metrics.csv", "final.safetensors", "selection.json", *more):
        (folder / name).unlink(missing_ok=True)


# --- status ---------------------------------------------------------------------------------


def test_everything_is_done(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["tiny.yaml"], ["results/tiny"]):
        found = states(capsys, *words)
        assert len(found) == 6
        assert {job["state"] for job in found.values()} == {"done"}
        run = found["zowarmup", "1"]
        last = (RUN / "1/metrics.csv").read_text().splitlines()[-1].split(",")
        assert (run["round"], run["of"], run["test_accuracy"]) == (60, 60, float(last[2]))
        assert found["zowarmup", ""]["note"] == "lr 0.03"
        assert main(["status", *words]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "6 done"


def test_rates_at_the_edge_of_their_grid_are_noted(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = CHOICE / "selection.json"
    chosen = {"rates": {"1.lr": 0.03, "2.lr": 0.9}, "edges": ["2.lr"]}
    file.write_text(json.dumps(json.loads(file.read_text()) | chosen))
    note = states(capsys, "results/tiny")["zowarmup", ""]["note"]
    assert note == "lr 0.03, 0.9, an edge of the grid"


def test_before_anything_runs_all_jobs_wait(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("results")
    found = states(capsys, "tiny.yaml")
    assert {job["state"] for job in found.values()} == {"waiting"}
    assert found["high_res_only", ""]["note"] == "can start"
    assert found["fedavg-high", "0"]["note"] == "for selection high_res_only"
    assert re.match(r"for .* and 2 more", found["zowarmup", "0"]["note"])
    assert found["zowarmup", "0"]["of"] == 60


def test_a_job_at_work_says_how_far_it_is(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    undone(RUN / "1")
    told = {"round": 40, "total": 60, "seconds_left": 130.0, "test_accuracy": 0.5, "test_loss": 1.5}
    (RUN / "1/progress.json").write_text(json.dumps(told))
    with lock(RUN / "1/lock"):
        job = states(capsys, "tiny.yaml")["zowarmup", "1"]
        assert job["state"] == "running"
        assert re.match(r"pid \d+ on .*, since 20", job["note"])
        assert {key: job[key] for key in ("round", "seconds_left")} == {
            "round": 40,
            "seconds_left": 130.0,
        }
        assert main(["status", "tiny.yaml"]) == 0
        row = next(line for line in capsys.readouterr().out.splitlines() if "running" in line)
        assert re.match(r"running +run +zowarmup +1 +40/60 +0\.5000 +1\.5000 +0:02:10", row)
    assert states(capsys, "tiny.yaml")["zowarmup", "1"]["state"] == "failed"


def test_a_job_on_another_machine_is_seen_without_its_lock(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By what it has just said of itself; a process that is gone from here says nothing."""
    undone(RUN / "1")
    now = datetime.now(UTC)
    told = {"round": 3, "total": 60, "rounds_per_second": 1.0, "pid": 2**22 + 1, "slurm_job": "7"}
    for host, at, state in (
        ("elsewhere", now, "running"),
        ("elsewhere", now - timedelta(minutes=5), "failed"),
        (platform.node(), now, "failed"),
    ):
        more = {"host": host, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        (RUN / "1/progress.json").write_text(json.dumps(told | more))
        job = states(capsys, "tiny.yaml")["zowarmup", "1"]
        assert job["state"] == state
        assert (", SLURM job 7" in job["note"]) == (state == "running")


def test_a_job_that_failed_says_why(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own sentence, the last line of a trace, the signal; or that it was killed."""
    undone(RUN / "1")
    (RUN / "1/progress.json").write_text('{"round": 40, "total": 60}')
    log = TINY / "logs/train/zowarmup/1.log"
    for text, note in (
        ("", "was killed; resumes when it is started again"),
        ("12:00:00 INFO round 3\n12:00:01 ERROR no room on the disk\n", "no room on the disk"),
        (
            "12:00:01 ERROR the job failed\nTraceback ...\n  x\nValueError: odd\n",
            "ValueError: odd",
        ),
        ("12:00:01 WARNING stopped by SIGTERM; the work so far is saved\n", "stopped by SIGTERM"),
    ):
        log.write_text(text)
        job = states(capsys, "tiny.yaml")["zowarmup", "1"]
        assert job["state"] == "failed"
        assert note in job["note"]
        assert (job["round"], job["of"]) == (40, 60)
    undone(CHOICE)
    shutil.rmtree(CHOICE / "state", ignore_errors=True)
    assert states(capsys, "tiny.yaml")["zowarmup", ""]["state"] == "waiting"


def test_a_warmup_whose_snapshots_were_taken_away_is_not_done(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(WARMUP / "1/snapshots")
    job = states(capsys, "tiny.yaml")["fedavg-high", "1"]
    assert (job["state"], job["note"]) == (
        "failed",
        "was killed; resumes when it is started again",
    )


def test_a_diverged_run_is_told_from_a_good_one(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = RUN / "0/metrics.csv"
    text = file.read_text()
    assert text.endswith(",False\n")
    file.write_text(text.removesuffix(",False\n") + ",True\n")
    assert states(capsys, "results/tiny")["zowarmup", "0"]["state"] == "diverged"


def test_a_damaged_file_does_not_hide_the_other_jobs(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (RUN / "0/metrics.csv").write_bytes(b"round,diverged\n60,\xff\n")
    (CHOICE / "selection.json").write_text("{}")
    found = states(capsys, "results/tiny")
    assert "metrics.csv: not UTF-8 text" in found["zowarmup", "0"]["note"]
    assert found["zowarmup", ""]["state"] == "failed"
    assert [job["state"] for job in found.values()].count("done") == 4


def test_the_live_view_ends_with_the_last_job(copy: Path) -> None:
    """What needs a look comes first; what has no room is counted."""
    jobs = job_status.jobs_of(TINY)
    seen = iter([[replace(jobs[0], state="running"), *jobs[1:]], jobs])
    status_view.live(lambda: next(seen), 0.01, ends=True)
    assert next(seen, None) is None
    assert str(status_view.table(jobs, 2).renderables[1]) == "and 4 more; 6 done"


def test_in_a_narrow_terminal_the_notes_are_cut_short(copy: Path) -> None:
    first, *jobs = job_status.jobs_of(TINY)
    note = "the disk is full; make room, and run it again: it resumes"
    console = Console(width=90)
    with console.capture() as said:
        console.print(status_view.table([replace(first, note=note), *jobs], 40))
    lines = said.get().splitlines()
    assert len(lines) == 1 + 6 + 1
    assert re.match(r"done +warm-up +fedavg-high +0 +60/60 +0\.\d{4} +\d\.\d{4}  the", lines[1])
    assert lines[1].endswith("…")


def test_a_folder_without_results_is_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("status", "verify"):
        assert main([command, str(tmp_path)]) == 2
        assert "not a folder of results; give results/<name>" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "none")]) == 2


# --- verify ---------------------------------------------------------------------------------


def wrong(copy: Path, **how: bool) -> list[tuple[str, str]]:
    """What does not agree, by path below the results."""
    found = verify(TINY, **how)
    assert found["agrees"] == (not found["wrong"])
    return [
        (str(Path(one["path"]).absolute().relative_to(copy / TINY)), one["says"])
        for one in found["wrong"]
    ]


def recorded(folder: Path, **changes: Any) -> None:
    """Change the record of a job, as somebody may who knows how."""
    record = json.loads((folder / "run.json").read_text())
    for key, value in changes.items():
        record[key] = record[key] | value if isinstance(value, dict) else value
    (folder / "run.json").write_text(json.dumps(record))


def test_untouched_results_agree(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "results/tiny", "--deep"]) == 0
    said = capsys.readouterr().out
    assert re.fullmatch(r"3 data, 6 jobs, \d+ hashes, 2 replays, 2 evaluations: all agree\n", said)
    assert main(["verify", "results/tiny", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["replays"] == 2


@pytest.mark.parametrize(
    "file",
    [
        "runs/zowarmup/0/metrics.csv",
        "runs/zowarmup/0/final.safetensors",
        "warmups/fedavg-high/1/snapshots/round-000040.safetensors",
    ],
)
def test_a_changed_output_is_named(
    copy: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    path = TINY / file
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.unlink()  # its second name in state/ keeps the old bytes
    path.write_bytes(data)
    assert (file, "it has changed since it was made") in wrong(copy)
    assert main(["verify", "results/tiny"]) == 1
    assert f"wrong: {path.absolute()}: it has changed" in capsys.readouterr().out


def test_a_missing_output_is_named_and_a_cleaned_one_is_not(copy: Path) -> None:
    (RUN / "0/metrics.csv").unlink()
    (WARMUP / "0/snapshots/round-000030.safetensors").unlink()
    assert wrong(copy) == [("runs/zowarmup/0/metrics.csv", "it is missing")]
    notes = [note["says"] for note in verify(TINY)["note"]]
    assert notes == ["some snapshots were cleaned away"]


def test_another_input_is_named(copy: Path) -> None:
    """A federation dealt anew after its runs: each of them was made from another."""
    first = TINY / "federations/default/0/federation.json"
    shutil.copy(TINY / "federations/default/1/federation.json", first)
    found = wrong(copy)
    assert len(found) == 4  # the warm-up, the run and both choices
    assert {path for path, _ in found} == {"federations/default/0/federation.json"}
    assert any("not the file that" in says and "runs/zowarmup/0" in says for _, says in found)


def test_a_journal_that_gives_another_model_is_found_by_its_replay(copy: Path) -> None:
    """Though its checksums and the recorded hash fit."""
    path = RUN / "0/journal.jsonl"
    first, *records = [record for record, _ in journal.scan(path)]
    records[20]["scalars"][0][0] += 1.0
    path.write_bytes(b"".join(map(journal.line, [first, *records])))
    recorded(RUN / "0", outputs={"journal.jsonl": sha256(path)})
    final = "runs/zowarmup/0/final.safetensors"
    assert wrong(copy) == [(final, "its journal gives another model")]
    path.write_bytes(b"".join(map(journal.line, [first, *records[:20]])))
    recorded(RUN / "0", outputs={"journal.jsonl": sha256(path)})
    assert wrong(copy) == [(final, "is of round 60, but its journal ends with 40")]


def test_a_forged_accuracy_is_found_by_evaluating_again(copy: Path) -> None:
    path = RUN / "0/metrics.csv"
    *lines, last = path.read_text().splitlines()
    fields = last.split(",")
    fields[2] = "0.99"
    path.write_text("\n".join([*lines, ",".join(fields)]) + "\n")
    recorded(RUN / "0", outputs={"metrics.csv": sha256(path)})
    assert wrong(copy) == []
    [(file, says)] = wrong(copy, deep=True)
    assert file == "runs/zowarmup/0/metrics.csv"
    assert says.startswith("a new evaluation: differs: test_accuracy 0.99")


def test_mixed_versions_are_named(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorded(RUN / "0", torch="2.9.0")
    recorded(WARMUP / "1", device="NVIDIA H100")
    mixed = verify(TINY)["mixed"]
    assert [Path(one["path"]).parts[-3:] for one in mixed] == [
        ("runs", "zowarmup", "0"),
        ("warmups", "fedavg-high", "1"),
    ]
    assert mixed[0]["says"].startswith("made with torch 2.9.0, most other jobs with 2")
    assert main(["verify", "results/tiny"]) == 0  # said, but nothing disagrees
    assert "all agree; 2 of mixed versions" in capsys.readouterr().out


def test_another_machine_may_replay_to_other_bits(copy: Path) -> None:
    """That is no proof that something is wrong."""
    path = RUN / "0/journal.jsonl"
    first, *records = [record for record, _ in journal.scan(path)]
    records[20]["scalars"][0][0] += 1.0
    path.write_bytes(b"".join(map(journal.line, [first, *records])))
    recorded(RUN / "0", outputs={"journal.jsonl": sha256(path)}, device="NVIDIA H100")
    found = verify(TINY)
    assert found["agrees"]
    said = {one["says"] for one in found["mixed"]}
    assert "made with device NVIDIA H100; here its journal gives another model" in said


def test_results_of_other_code_are_named(copy: Path) -> None:
    recorded(RUN / "1", code="0123456789abcdef")
    assert wrong(copy) == [("runs/zowarmup/1", "made by other code than the installed code")]


def test_damage_is_named_and_the_rest_still_checked(copy: Path) -> None:
    (WARMUP / "0/run.json").write_text("{")
    (RUN / "1/journal.jsonl").write_bytes(b"\n")
    (RUN / "0/run.json").write_text('{"spec": 1}')
    found = dict(wrong(copy))
    assert "not complete JSON" in found["warmups/fedavg-high/0/run.json"]
    assert "line 1" in found["runs/zowarmup/1/journal.jsonl"] + str(found)
    assert verify(TINY)["counts"]["jobs"] >= 4
