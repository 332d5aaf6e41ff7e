"""Looking into results: every file says what it is, and what is rebuilt is what training had."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from zowarmup import api
from zowarmup.__main__ import main
from zowarmup.common.errors import UserError
from zowarmup.inspection import kinds, layers, models
from zowarmup.inspection.compare import compare
from zowarmup.inspection.evaluate import evaluate
from zowarmup.inspection.inspect import inspect, replay
from zowarmup.inspection.results import rows_of
from zowarmup.inspection.verify import verify
from zowarmup.storage import journal

METHODS = Path(__file__).parents[1].joinpath("methods.yaml")
TINY = Path("results/tiny")
RUN, WARMUP = TINY / "runs/zowarmup/0", TINY / "warmups/fedavg-high/0"


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The folders of finished runs, of every algorithm that leaves records."""
    folder = tmp_path_factory.mktemp("methods")
    api.run_config(METHODS, results=folder)
    return sorted((folder / "methods" / "runs").glob("*/*"))


@pytest.fixture
def there(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the folder of finished results, which are not to be changed."""
    monkeypatch.chdir(finished)
    return finished


@pytest.fixture
def copy(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a copy of them, which may be."""
    shutil.copytree(finished / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    """What a command says with --json."""
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


# --- replay ---------------------------------------------------------------------------------


def test_the_last_round_rebuilt_is_the_final_checkpoint(
    methods: list[Path], tmp_path: Path
) -> None:
    """Byte for byte, for every algorithm, with and without a warm-up."""
    assert len(methods) == 12
    for run in methods:
        model, _ = replay(run, rows_of(run)[-1]["round"])
        models.write(model, file := tmp_path / f"{run.parent.name}.safetensors")
        assert file.read_bytes() == (run / "final.safetensors").read_bytes()


def test_rounds_in_between_are_what_training_measured(there: Path, tmp_path: Path) -> None:
    """Accuracy, loss and recalls of rebuilt models are those in metrics.csv, to the last digit."""
    for row in rows_of(RUN):
        model, _ = replay(RUN, row["round"])
        models.write(model, file := tmp_path / f"round-{row['round']}.safetensors")
        found = evaluate(file, TINY / "datasets/digits/dataset.npz")
        assert found["test_accuracy"] == row["test_accuracy"]
        assert found["test_loss"] == row["test_loss"]
        assert found["recall"] == [row[f"recall_{c}"] for c in range(10)]


def test_a_run_at_work_is_replayed_as_far_as_it_is(there: Path, copy: Path) -> None:
    """From the journal's first line alone, a record that is being written left out."""
    whole = models.at(there / RUN, 33).w
    for name in ("run.json", "metrics.csv", "final.safetensors"):
        (copy / RUN / name).unlink()
    path = copy / RUN / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:14]) + lines[14][:50])
    model, facts = replay(copy / RUN)
    assert facts["round"] == 33
    assert facts["phase"] == "2, zo"
    assert torch.equal(model.w, whole)
    with pytest.raises(UserError, match="the journal goes from 20 to 33 so far"):
        replay(copy / RUN, 40)
    about = inspect(copy / RUN)
    assert about["journal"]["rounds"] == "21 to 33"
    assert "torn record" in about["journal"]["damage"]
    assert about["state"] == "failed"


def test_a_journal_says_which_parameters_train_and_why(methods: list[Path]) -> None:
    """Those of the largest gain that was measured before the first round."""
    [run] = [run for run in methods if run.parent.name == "subset"]
    about = inspect(run)["journal"]
    assert set(about["gains"]) <= {"all", "norms_biases", "last_layer"}
    assert about["subset"] == max(about["gains"], key=about["gains"].__getitem__)


def test_a_later_phase_of_models_leaves_its_last_round_alone(methods: list[Path]) -> None:
    """And the journal goes up to where it begins."""
    [run] = [run for run in methods if run.parent.name == "back"]
    assert replay(run)[1]["round"] == 6
    model, facts = replay(run, 9)
    assert model.file == run / "final.safetensors"
    assert facts["phase"] == "3, fedavg"
    with pytest.raises(UserError, match="the rounds of fedavg from 7 on leave no records"):
        replay(run, 8)
    assert inspect(run)["journal"]["rounds"] == "4 to 6"
    assert verify(run.parents[2], deep=True)["agrees"]


def test_rounds_of_the_first_phase_are_its_snapshots(there: Path, tmp_path: Path) -> None:
    for folder in (RUN, WARMUP):
        model, _ = replay(folder, 10)
        models.write(model, file := tmp_path / f"{folder.parent.name}.safetensors")
        assert file.read_bytes() == (WARMUP / "snapshots/round-000010.safetensors").read_bytes()
        with pytest.raises(
            UserError, match=r"no records to replay; give one of these rounds: 0, 10, 20"
        ):
            replay(folder, 11)


def test_replay_writes_and_says_what_it_wrote(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = answer(capsys, "replay", RUN, "--round", 60, "-o")
    assert found["wrote"] == "zowarmup-0-round-000060.safetensors"
    assert Path(found["wrote"]).read_bytes() == (RUN / "final.safetensors").read_bytes()
    assert main(["replay", str(RUN), "-o"]) == 2
    assert "exists already; name another file or add `--force`" in capsys.readouterr().err
    assert main(["replay", str(RUN), "-o", "--force"]) == 0
    Path("models").mkdir()
    assert main(["replay", str(RUN), "-o", "models", "--force"]) == 2
    assert "models: is a folder; name a file" in capsys.readouterr().err


# --- inspect --------------------------------------------------------------------------------

FILES = {
    RUN / "final.safetensors": kinds.CHECKPOINT,
    RUN / "journal.jsonl": kinds.JOURNAL,
    TINY / "federations/default/1/federation.json": kinds.FEDERATION,
    TINY / "datasets/digits/dataset.npz": kinds.DATASET,
    TINY / "selections/high_res_only/selection.json": kinds.SELECTION,
}
FOLDERS = {
    RUN: kinds.RUN,
    RUN / "run.json": kinds.RUN,
    WARMUP: kinds.WARMUP,
    WARMUP / "snapshots": kinds.WARMUP,
    WARMUP / "state/state.json": kinds.WARMUP,
    TINY: kinds.RESULTS,
    TINY / "datasets/digits/dataset.json": kinds.DATASET,
    TINY / "federations/default/0": kinds.FEDERATION,
}


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_is_known_by_its_contents(there: Path, tmp_path: Path, path: Path) -> None:
    shutil.copy(path, tmp_path / "something")
    if (summary := path.with_name("dataset.json")).is_file():  # a data set is read beside it
        shutil.copy(summary, tmp_path / "something.json")
    assert inspect(path)["is"] == inspect(tmp_path / "something")["is"] == FILES[path]


@pytest.mark.parametrize("path", FOLDERS, ids=str)
def test_a_folder_is_what_its_files_are(
    there: Path, capsys: pytest.CaptureFixture[str], path: Path
) -> None:
    assert answer(capsys, "inspect", path)["is"] == FOLDERS[path]
    assert main(["inspect", str(path)]) == 0
    assert FOLDERS[path] in capsys.readouterr().out


def test_a_snapshot_says_where_it_came_from(there: Path) -> None:
    record = json.loads((WARMUP / "run.json").read_text())
    found = inspect(WARMUP / "snapshots/round-000020.safetensors")
    assert (found["round"], found["phase"], found["model"]) == (20, "1, fedavg", "mlp")
    provenance = found["origin"]
    assert (provenance["config"], provenance["warmup"], provenance["seed"]) == (
        "tiny",
        "fedavg-high",
        0,
    )
    assert provenance["code"] == record["code"]
    assert provenance["code_here"] == "the same"
    assert provenance["data_sha256"] == record["inputs"]["data"]
    assert (provenance["torch"], provenance["device"]) == (record["torch"], record["device"])
    [row] = [row for row in rows_of(WARMUP) if row["round"] == 20]
    at = found["at_this_round"]
    assert (at["test_accuracy"], at["bytes_up"]) == (row["test_accuracy"], row["bytes_up"])


def test_a_bare_checkpoint_says_that_its_origin_is_not_known(there: Path, tmp_path: Path) -> None:
    found = inspect(Path(shutil.copy(RUN / "final.safetensors", tmp_path)))
    assert "records it" in found["origin"]["not_known"]
    assert found["at_this_round"] == {"measured": "not at this round"}
    assert found["round"] == 60


def test_norms_by_layer() -> None:
    """|(3, 4)| = 5, and with a 12 beside them |(3, 4, 12)| = 13."""
    rows = layers.norms({"a": torch.tensor([3.0, 4.0]), "b": torch.tensor([12.0])})
    assert [(row["layer"], row["norm"]) for row in rows] == [("a", 5), ("b", 12), ("all", 13)]
    assert rows[0]["rms"] == pytest.approx((25 / 2) ** 0.5)


def test_what_the_server_keeps_is_shown(methods: list[Path], tmp_path: Path) -> None:
    file = tmp_path / "with.safetensors"
    named = {"w": torch.ones(4), "server/m": torch.full((4,), 2.0)}
    about = {"format": "zowarmup-checkpoint-1", "names": ["w"], "round": 3}
    about |= {"model": "mlp", "width": 1.0, "shape": [1, 8, 8], "classes": 10}
    save_file(named, file, {"zowarmup": json.dumps(about)})
    found = inspect(file)
    assert found["server"] == [{"layer": "m", "shape": [4], "norm": 4.0, "rms": 2.0}]
    assert [row["layer"] for row in found["layers"]] == ["w", "all"]


# --- evaluate, export -----------------------------------------------------------------------


def test_evaluate_agrees_with_the_row_of_that_round(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = WARMUP / "snapshots/round-000020.safetensors"
    for path, folder in ((RUN, RUN), (snapshot, WARMUP), (RUN / "final.safetensors", RUN)):
        found = answer(capsys, "evaluate", path)
        assert found["metrics_csv"] == "the same"
        assert found["data_as_in_training"] is True
        row = next(row for row in rows_of(folder) if row["round"] == found["round"])
        assert found["test_accuracy"] == row["test_accuracy"]


def test_a_checkpoint_alone_wants_its_data_named(
    there: Path, tmp_path: Path, methods: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = shutil.copy(RUN / "final.safetensors", tmp_path)
    assert main(["evaluate", file]) == 2
    assert "a data set with `--data FILE`" in capsys.readouterr().err
    data = TINY / "datasets/digits/dataset.npz"
    found = answer(capsys, "evaluate", file, "--data", data)
    assert found["test_accuracy"] == rows_of(RUN)[-1]["test_accuracy"]
    assert found["metrics_csv"] == "no row of this round"
    other = methods[0].parents[2] / "datasets/digits/dataset.npz"
    assert answer(capsys, "evaluate", RUN, "--data", other)["data_as_in_training"] is False


def test_data_of_another_shape_is_one_clear_error(
    there: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from zowarmup.data import dataset_file

    data = dataset_file.load(TINY / "datasets/digits/dataset.npz")
    wide = {key: value.repeat(2, axis=-1) for key, value in data.arrays.items() if key[0] == "x"}
    dataset_file.save(replace(data, **wide), tmp_path / "wide.npz")
    assert main(["evaluate", str(RUN), "--data", str(tmp_path / "wide.npz")]) == 2
    assert "images of shape (1, 8, 16)" in capsys.readouterr().err


def test_static_norms_want_the_training_images(methods: list[Path], tmp_path: Path) -> None:
    """With them evaluate gives the row of metrics.csv; a checkpoint elsewhere has none."""
    text = METHODS.read_text().replace("name: methods", "name: static")
    text = text.replace("model: mlp", "model: preresnet_tiny").replace("batched", "plain")
    text = text.split("methods:\n")[0] + (
        "methods:\n  high: {label: high, phases: [{algorithm: fedavg, clients: high, rounds: 3}]}\n"
        "studies: {main: {methods: [high]}}\ntables: [main]\nfigures: []\n"
    )
    (tmp_path / "static.yaml").write_text(text)
    api.run_config(tmp_path / "static.yaml", results=tmp_path)
    [snapshot] = (tmp_path / "static/warmups").glob("*/0/snapshots/round-000003.safetensors")
    assert evaluate(snapshot)["metrics_csv"] == "the same"
    bare = Path(shutil.copy(snapshot, tmp_path))
    with pytest.raises(UserError, match="needs the clients' training images"):
        evaluate(bare, tmp_path / "static/datasets/digits/dataset.npz")


def test_export_takes_a_run_and_overwrites_nothing_unasked(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(RUN)]) == 0
    state = torch.load("zowarmup-0-round-000060.pt", weights_only=True)
    assert torch.equal(state["1.bias"], models.latest(RUN).saved.named["1.bias"])
    assert main(["export", str(RUN)]) == 2
    assert "add `--force`" in capsys.readouterr().err
    assert main(["export", str(RUN), "--force"]) == 0


# --- compare --------------------------------------------------------------------------------


def test_distances_by_hand() -> None:
    """a = (3, 4), b = (3, 0): apart 4, relative 4/5, cosine 9 / (5 * 3)."""
    a = {"x": torch.tensor([3.0, 4.0]), "only": torch.ones(2), "shape": torch.ones(2)}
    b = {"x": torch.tensor([3.0, 0.0]), "shape": torch.ones(3)}
    x, only, shape, everything = layers.distances(a, b)
    assert (x["distance"], x["relative"], x["cosine"]) == (4.0, 0.8, 0.6)
    assert only["differs"] == "2 and nothing"
    assert shape["differs"] == "2 and 3"
    assert everything | {"layer": "x"} == x


def test_a_run_beside_itself_does_not_differ(there: Path) -> None:
    made = compare(RUN, RUN / "final.safetensors")
    assert made["settings"] == []
    assert all(row["distance"] == 0 and row["cosine"] == 1 for row in made["weights"])
    assert [row["test_loss_difference"] for row in made["metrics"]] == [0.0] * 4


def test_two_seeds_beside_each_other(there: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = RUN.with_name("1")
    made = answer(capsys, "compare", RUN, other)
    changed = {row["setting"]: (row["a"], row["b"]) for row in made["settings"]}
    assert changed["seed"] == changed["seeds.directions"] == (0, 1)
    assert set(changed) == {
        *("seed", "seeds.federation", "seeds.initialisation", "seeds.directions"),
        *("inputs.federation", "inputs.start"),
    }
    last, rows = made["metrics"][-1], (rows_of(RUN)[-1], rows_of(other)[-1])
    assert last["test_loss_difference"] == rows[1]["test_loss"] - rows[0]["test_loss"]
    assert main(["compare", str(RUN), str(other)]) == 0
    assert "seeds.directions" in capsys.readouterr().out


def test_settings_of_two_methods_have_dotted_names(methods: list[Path]) -> None:
    runs = {run.parent.name: run for run in methods}
    made = compare(runs["adam"], runs["absent"])
    changed = {row["setting"]: (row["a"], row["b"]) for row in made["settings"]}
    assert changed["spec.phases.2.algorithm"] == ("zo_adam", "zo")
    assert changed["spec.phases.2.participation"] == (1.0, 0.5)
    assert changed["spec.phases.2.beta1"][1] == "-"


# --- what is nothing of ours ----------------------------------------------------------------


def strange(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents that no command can make sense of."""
    yield "empty", b""
    yield "text", b"hello\n"
    yield "list.json", b"[1, 2]"
    yield "other.json", b'{"a": 1}'
    yield "deep.json", b"[" * 100_000
    yield "pickle.pt", b"\x80\x04N."
    yield "cut.npz", (folder / TINY / "datasets/digits/dataset.npz").read_bytes()[:1000]
    yield "cut.safetensors", (folder / RUN / "final.safetensors").read_bytes()[:300]
    header = json.dumps({"__metadata__": {"zowarmup": "{}"}}).encode()
    yield "foreign.safetensors", len(header).to_bytes(8, "little") + header
    yield "journal", b'{"crc32":1,"record":{}}\n'
    yield "old-journal", journal.line({"format": "zowarmup-journal-9"}) + b"{}\n"
    yield "selection", b'{"mean_losses": 1, "grid": 2, "lr": 3}'
    yield "run.json", b'{"spec": {"phases": 3}, "seeds": 1, "code": 2}'


@pytest.mark.parametrize("command", ["inspect", "evaluate", "replay", "export", "compare"])
def test_strange_files_are_one_sentence(
    finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for name, contents in [*strange(finished), ("missing", None)]:
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        if contents is not None:
            (folder / name).write_bytes(contents)
        words = [command, str(folder / name)] + [str(folder / name)] * (command == "compare")
        said = f"{name}: {command}"
        assert main(words) == 2, said
        error = capsys.readouterr().err
        assert error.startswith("zowarmup: "), said
        assert error.count("\n") == 1, said
        assert name in error or str(folder) in error, said


def test_a_damaged_journal_is_shown_up_to_where_it_is_whole(copy: Path) -> None:
    path = RUN / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"round":25', b'"round":26')
    path.write_bytes(b"".join(lines))
    found = inspect(path)
    assert found["rounds"] == "21 to 24"
    assert "line 6" in found["damage"]
    with pytest.raises(UserError, match="line 6"):
        replay(RUN, 30)
    assert replay(RUN, 24)[1]["round"] == 24
