"""`zowarmup clean` takes away what no result needs, and nothing else."""

import shutil
from pathlib import Path

import pytest
import workbench
from workbench import edit, planned

from zowarmup import api
from zowarmup.__main__ import main
from zowarmup.common.files import lock
from zowarmup.inspection import clean

TINY = ["--configfile", "tiny.yaml"]
RUN, WARMUP = "results/tiny/runs/zowarmup", "results/tiny/warmups/fedavg-high"


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(folder)
    return folder


def snapshots(seed: int) -> list[int]:
    folder = Path(WARMUP) / str(seed) / "snapshots"
    return sorted(int(file.stem[6:]) for file in folder.glob("round-*"))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_snapshots_where_something_starts_stay(copy: Path) -> None:
    """Pivot 20, and 60, the last round, which is the final model of High Res Only."""
    before = files(copy)
    assert snapshots(0) == [0, 10, 20, 30, 40, 50, 60]
    assert main(["clean", "tiny.yaml"]) == 0
    assert snapshots(0) == snapshots(1) == [20, 60]
    gone = {path for path in set(before) - set(files(copy)) if path.parent.name != "state"}
    assert {path.name for path in gone} == {
        "lock",
        "machines.json",
        *(f"round-{t:06d}.safetensors" for t in (0, 10, 30, 40, 50)),
    }
    assert not list(copy.glob("results/tiny/*/*/**/state"))
    again = workbench.snakemake(copy, "--cores", "2", *TINY)
    assert planned(again) == {}
    run = api.load_run(copy / RUN / "1")
    for t in (20, 41):
        assert len(run.module(round=t).state_dict()) == 4


def test_a_dry_run_changes_nothing_and_says_as_much(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(copy)
    assert main(["clean", "tiny.yaml", "--dry-run"]) == 0
    assert files(copy) == before
    would = capsys.readouterr().out
    assert main(["clean", "tiny.yaml"]) == 0
    assert capsys.readouterr().out == would.replace("would remove", "removed")


def test_a_dry_run_counts_each_file_once(tmp_path: Path) -> None:
    """A snapshot has a second name in state/; the disk gains its bytes with the last."""
    state, snapshots = (tmp_path / name for name in ("state", "snapshots"))
    for folder in (state, snapshots):
        folder.mkdir()
    (state / "state.json").write_bytes(bytes(10))
    for name, size in (("a", 100), ("b", 1000)):
        (state / name).write_bytes(bytes(size))
        (snapshots / name).hardlink_to(state / name)
    assert clean.sizes([state, snapshots / "a"]) == {state: 10, snapshots / "a": 100}


def test_a_half_finished_folder_goes_on(finished: Path, copy: Path) -> None:
    """A run of which a part is in its journal, and a warm-up's saved work, are kept."""
    for name in ("run.json", "metrics.csv", "final.safetensors"):
        (copy / RUN / "1" / name).unlink()
    journal = copy / RUN / "1" / "journal.jsonl"
    journal.write_bytes(b"".join(journal.read_bytes().splitlines(keepends=True)[:15]))
    kept = journal.read_bytes()
    assert main(["clean", "tiny.yaml"]) == 0
    assert journal.read_bytes() == kept
    answer = workbench.snakemake(copy, f"{RUN}/1/metrics.csv", "--cores", "2", *TINY)
    assert planned(answer) == {"train": 1}
    assert "replaying 14 rounds" in (copy / "results/tiny/logs/train/zowarmup/1.log").read_text()
    name = f"results/tiny/{RUN.removeprefix('results/tiny/')}/1/final.safetensors"
    assert workbench.saved_bytes(copy)[name] == workbench.saved_bytes(finished)[name]


def test_a_running_job_is_left_alone(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with lock(Path(WARMUP) / "0" / "lock"):
        for more in (["--dry-run"], []):
            assert main(["clean", "tiny.yaml", *more]) == 0
            assert f"a job is running there: {WARMUP}/0" in capsys.readouterr().out
    assert len(snapshots(0)) == 7
    assert snapshots(1) == [20, 60]


def test_what_the_config_does_not_name_goes_only_when_asked(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its second phase there is no run left, nor a choice of its learning rate."""
    edit("tiny.yaml", "methods: [high_res_only, zowarmup]", "methods: [high_res_only]")(copy)
    assert main(["clean", "tiny.yaml"]) == 0
    said = capsys.readouterr().out
    assert f"--orphans removes it): {RUN}/0" in said
    assert snapshots(0) == [20, 60]  # the run can still be looked into
    assert main(["clean", "tiny.yaml", "--orphans"]) == 0
    assert not (copy / "results/tiny/runs/zowarmup").exists()
    assert not (copy / "results/tiny/selections/zowarmup").exists()
    assert snapshots(0) == [60]


def test_a_kill_in_the_middle_loses_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call finishes what the first began, with nothing half there in between."""
    edit("tiny.yaml", "seeds: 2", "seeds: 1")(copy)

    def dying(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clean.shutil, "rmtree", dying)
    assert main(["clean", "tiny.yaml", "--orphans"]) == 130  # as a shell says of SIGINT
    monkeypatch.undo()
    monkeypatch.chdir(copy)
    assert not (copy / RUN / "1").exists()
    assert (copy / RUN / "0/run.json").exists()
    assert main(["clean", "tiny.yaml", "--orphans"]) == 0
    assert not [path for path in copy.rglob("*") if path.name.startswith(clean.REMOVED)]
    assert not (copy / WARMUP / "1").exists()


def test_a_pivot_that_was_cleaned_away_is_one_clear_error(copy: Path) -> None:
    """And what it says helps: the warm-up is recreated, its finished runs replay."""
    edit(
        "tiny.yaml", "\ntables:", "  pivot: {methods: [zowarmup], grid: {pivot: [30]}}\n\ntables:"
    )(copy)
    assert main(["clean", "tiny.yaml"]) == 0
    assert snapshots(0) == [20, 30, 60]  # not cleaned away yet
    for seed in (0, 1):
        (copy / WARMUP / str(seed) / "snapshots/round-000030.safetensors").unlink()
    [answer] = workbench.snakemake_many([(copy, ["--dry-run", *TINY])])
    assert answer.code == 1
    assert "round 30, where a run of this config starts, was cleaned away" in answer.text
    assert f"rm -r {WARMUP}" in answer.text
    assert "Traceback" not in answer.text
    shutil.rmtree(copy / WARMUP)
    [answer] = workbench.snakemake_many([(copy, ["--dry-run", *TINY])])
    assert planned(answer)["warmup"] == 2


def test_a_longer_warm_up_is_made_again_without_a_word(copy: Path) -> None:
    """Nobody cleaned away the rounds that the old config did not have."""
    edit("tiny.yaml", "rounds: 60", "rounds: 80")(copy)
    [answer] = workbench.snakemake_many([(copy, ["--dry-run", *TINY])])
    assert answer.code == 0, answer.text
    assert planned(answer)["warmup"] == 2


def test_a_mistyped_folder_is_an_error(capsys) -> None:
    assert main(["clean", "config/smoke.yaml", "--results", "resluts"]) == 2
    assert "resluts/smoke: no such folder" in capsys.readouterr().err
