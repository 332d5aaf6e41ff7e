"""The Python API and the command line, on one small real run shared by all tests here."""

import re
import shutil
import subprocess
import sys

import pytest
import torch

from zowarmup import api
from zowarmup.__main__ import main
from zowarmup.common.errors import UserError

RUN = "zowarmup-10-90"
COMMANDS = (
    *("plan", "run", "status", "inspect", "export", "replay", "evaluate", "compare", "verify"),
    *("clean", "preview"),
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    table = api.run_config("config/smoke.yaml", runs=[RUN], seeds=[0], results=folder)
    return folder / "smoke", table


@pytest.fixture(scope="module")
def run(results):
    return api.load_run(results[0] / "runs" / RUN / "0")


def test_run_config_gives_the_tidy_rows(results):
    _, table = results
    assert set(table["run"]) == {RUN}
    main_rows = table[table["study"] == "main"]
    assert main_rows["round"].tolist() == list(range(0, 18, 2))
    assert main_rows["phase"].tolist() == [1] * 5 + [2] * 4


def test_run_config_does_not_train_again_what_is_there(results):
    folder, _ = results
    final = folder / "runs" / RUN / "0" / "final.safetensors"
    before = final.stat().st_mtime_ns
    api.run_config("config/smoke.yaml", runs=[RUN], seeds=[0], results=folder.parent)
    assert final.stat().st_mtime_ns == before


def test_run_config_finishes_what_was_cut_off(results):
    """The final model is written first, run.json last: only the latter says that all is there."""
    folder, table = results
    run = folder / "runs" / RUN / "0"
    (run / "metrics.csv").unlink()
    (run / "run.json").unlink()
    again = api.run_config("config/smoke.yaml", runs=[RUN], seeds=[0], results=folder.parent)
    assert again.equals(table)


def test_run_config_makes_again_what_somebody_took_away(results):
    """Though run.json is there: a missing folder of snapshots was an error that nothing mended."""
    folder, table = results
    [snapshots] = folder.glob("warmups/*/0/snapshots")
    final = folder / "runs" / RUN / "0" / "final.safetensors"
    before = {file: file.read_bytes() for file in (final, *snapshots.iterdir())}
    shutil.rmtree(snapshots)
    final.unlink()
    again = api.run_config("config/smoke.yaml", runs=[RUN], seeds=[0], results=folder.parent)
    assert again.equals(table)
    assert {file: file.read_bytes() for file in (final, *snapshots.iterdir())} == before


@pytest.mark.parametrize(
    "file",
    [
        f"runs/{RUN}/0/metrics.csv",
        f"runs/{RUN}/0/run.json",
        "federations/default/0/federation.json",
    ],
)
@pytest.mark.parametrize("cut", ["all", "half", "the last line"])
def test_a_file_cut_short_is_one_clear_error(results, file, cut):
    """A table can end at the end of a line and still lack rounds."""
    path = results[0] / file
    whole = path.read_bytes()
    last = len(whole[:-1].rpartition(b"\n")[0]) + 1
    path.write_bytes(whole[: {"all": 0, "half": len(whole) // 2, "the last line": last}[cut]])
    try:
        with pytest.raises(UserError, match=r"delete .* recreate") as caught:
            api.run_config("config/smoke.yaml", runs=[RUN], seeds=[0], results=results[0].parent)
    finally:
        path.write_bytes(whole)
    assert str(caught.value).startswith(f"{path}: ")


def test_the_loaded_model_has_the_recorded_accuracy(results, run):
    """A plain module on the stored images gives the last row of metrics.csv."""
    from zowarmup.data import dataset_file

    data = dataset_file.load(results[0] / "datasets" / "digits" / "dataset.npz")
    with torch.inference_mode():
        predicted = run.module()(torch.from_numpy(data.images("test"))).argmax(dim=1)
    right = (predicted == torch.from_numpy(data.labels("test"))).double().mean().item()
    assert right == run.metrics["test_accuracy"].iloc[-1]
    assert run.record["spec"]["split"] == "10/90"


def test_any_round_can_be_looked_at(run):
    """The last round rebuilt from the journal is the final checkpoint; the pivot its snapshot."""
    final, rebuilt = run.module().state_dict(), run.module(round=16).state_dict()
    assert all(torch.equal(final[name], rebuilt[name]) for name in final)
    pivot = api.load_module(run.folder / run.record["start"]).state_dict()
    at_pivot = run.module(round=8).state_dict()
    assert all(torch.equal(pivot[name], at_pivot[name]) for name in pivot)
    with pytest.raises(UserError, match="round 99 is not between 8 and 16"):
        run.module(round=99)


def test_export_is_a_state_dict(run, tmp_path):
    api.export_state_dict(run.folder / "final.safetensors", tmp_path / "model.pt")
    state = torch.load(tmp_path / "model.pt", weights_only=True)
    module = run.module()
    module.load_state_dict(state)
    assert list(state) == list(module.state_dict())


def test_commands_are_functions_too(run):
    """Their own tests say what they find; here it is what a program gets."""
    assert api.inspect(run.folder)["is"] == "run"
    assert api.evaluate(run.folder)["test_loss"] == run.metrics["test_loss"].iloc[-1]
    assert api.compare(run.folder, run.folder)["settings"] == []
    results = run.folder.parents[2]
    assert set(api.status(results)["state"]) == {"done"}
    assert api.verify(results)["agrees"]


def test_a_wrong_run_is_answered_with_the_runs_of_like_names(tmp_path):
    """Of 300 runs, the few that the name may have meant."""
    with pytest.raises(UserError) as caught:
        api.run_config("config/questions.yaml", runs=["plateau-10/90"], results=tmp_path)
    assert "use one of plateau-10-90, " in str(caught.value)
    assert len(str(caught.value)) < 300


def test_wrong_names_are_said_in_one_sentence(tmp_path):
    with pytest.raises(UserError, match="nonsense: the config has no such run"):
        api.run_config("config/smoke.yaml", runs=["nonsense"], results=tmp_path)
    for seeds, unused in (([77], r"\[77\]"), ([0, 999, 77], r"\[77, 999\]"), ([], r"\[\]")):
        with pytest.raises(UserError, match=f"no study of these runs uses {unused}; choose from"):
            api.run_config("config/smoke.yaml", runs=[RUN], seeds=seeds, results=tmp_path)
    with pytest.raises(UserError, match=r"run\.json: no such file"):
        api.load_run(tmp_path)


def test_command_line(run, capsys, tmp_path):
    assert main(["plan", "config/smoke.yaml", "--list"]) == 0
    assert f"  {RUN}" in capsys.readouterr().out
    assert main(["replay", str(run.folder), "--round", "12"]) == 0
    assert re.match(r"round +12\n", capsys.readouterr().out)
    output = str(tmp_path / "model.pt")
    assert main(["export", str(run.folder / "final.safetensors"), output]) == 0
    assert main(["inspect", str(tmp_path / "none.safetensors")]) == 2
    assert "no such file or folder" in capsys.readouterr().err


def test_help_names_every_command():
    said = subprocess.run(
        [sys.executable, "-m", "zowarmup", "--help"], capture_output=True, text=True, check=True
    )
    assert all(name in said.stdout for name in COMMANDS)
