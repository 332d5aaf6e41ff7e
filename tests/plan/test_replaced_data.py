"""Data that somebody replaces, moves, touches or removes: what is made again, and what is said."""

import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pickling
import pytest
import workbench
from workbench import planned

from zowarmup.__main__ import main
from zowarmup.common.file_hashes import sha256
from zowarmup.config import source_files
from zowarmup.data.draws import generator
from zowarmup.data.sources import imagenet32

CONFIG = ["--configfile", "mine.yaml"]
DATA = "results/mine/datasets/digits"
FEDERATION = "results/mine/federations/default/0/federation.json"
WARMUP = "results/mine/warmups/fedavg-high/0"


def save(file: Path, key: str = "first", write: Callable[..., None] = np.savez) -> None:
    """40 + 20 grey images of four classes, drawn with a key."""
    x = generator("replaced data", key).integers(0, 256, (60, 8, 8)).astype(np.uint8)
    y = np.arange(60) % 4
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, x_train=x[:40], y_train=y[:40], x_test=x[40:], y_test=y[40:])


def configure(folder: Path, source: str, more: str = "") -> None:
    """mine.yaml: tiny.yaml on a file in the folder `data`, with a learning rate that is given."""
    text = (folder / "tiny.yaml").read_text()
    text = text.replace("{source: digits, images_train: 300, images_test: 60}", source)
    text = text.replace("fedavg: {lr: select,", "fedavg: {lr: 0.1,")
    text = text.replace(", lr: {same_as: high_res_only}", "")
    (folder / "mine.yaml").write_text(text.replace("name: tiny", "name: mine") + more)


# --- hashes that are remembered -------------------------------------------------------------


def aged(file: Path) -> Path:
    """As if it had been written a while ago, as far as its time stamps can say so."""
    os.utime(file, (1e9, 1e9))
    return file


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zowarmup.common.file_hashes.SETTLED", -1.0)


@pytest.mark.usefixtures("settled")
def test_a_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    memory = tmp_path / "results" / "memory.json"
    first = sha256(tmp_path / "file", memory)
    assert first == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    monkeypatch.setattr("hashlib.file_digest", None)  # whoever reads now, fails
    assert sha256(tmp_path / "file", memory) == first


@pytest.mark.usefixtures("settled")
def test_equal_size_and_time_are_not_enough(tmp_path: Path) -> None:
    """A copy that keeps the time of its original, as `cp -p` makes it."""
    memory, file = tmp_path / "memory.json", tmp_path / "file"
    file.write_bytes(b"abc")
    first = sha256(aged(file), memory)
    file.write_bytes(b"abd")
    assert sha256(aged(file), memory) != first


def test_what_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """It may change once more within the same tick of the file system's clock."""
    (tmp_path / "file").write_bytes(b"abc")
    sha256(tmp_path / "file", tmp_path / "memory.json")
    assert not (tmp_path / "memory.json").exists()


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("damage", [b"", b"{", b"[1]", b'{"files": {"a": 1}}', b"\xff", bytes(99)])
def test_a_damaged_memory_is_made_again(damage: bytes, tmp_path: Path) -> None:
    memory, file = tmp_path / "memory.json", tmp_path / "file"
    file.write_bytes(b"abc")
    first = sha256(file, memory)
    whole = memory.read_bytes()
    memory.write_bytes(damage)
    assert sha256(file, memory) == first
    assert memory.read_bytes() == whole


@pytest.mark.usefixtures("settled")
def test_many_write_the_memory_at_once(tmp_path: Path) -> None:
    memory, files = tmp_path / "memory.json", [tmp_path / str(i) for i in range(20)]
    for file in files:
        file.write_text(file.name)
    threads = [threading.Thread(target=lambda f=file: sha256(f, memory)) for file in files * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert json.loads(memory.read_text())  # whole, whoever was the last
    for file in files:
        expected = hashlib.sha256(file.name.encode()).hexdigest()
        assert sha256(file, memory) == expected
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


# --- which files a source reads -------------------------------------------------------------


@pytest.mark.parametrize("source", source_files.CIFAR)
def test_the_batches_are_those_of_torchvision(source: str) -> None:
    from torchvision import datasets

    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source]
    names = [name for name, _ in (*kind.train_list, *kind.test_list)]
    assert source_files.CIFAR[source] == (kind.base_folder, tuple(names))


def test_the_files_of_each_source(tmp_path: Path) -> None:
    def files(source: str) -> list[str]:
        return [str(f.relative_to(tmp_path)) for f in source_files.files_of(source, tmp_path)]

    pickling.write_imagenet32(tmp_path)
    assert files("imagenet32") == [*source_files.IMAGENET32_PARTS["train"][0], "val_data"]
    (tmp_path / "train_data_batch_4").unlink()
    for source in ("digits", "mine", "cifar10", "imagenet32"):
        assert files(source) == []
        (tmp_path / f"{source}.npz").write_bytes(b"")
        assert files(source) == ([] if source == "digits" else [f"{source}.npz"])
    assert source_files.files_of("mine", None) == []
    assert source_files.files_of("mine", tmp_path / "nowhere") == []


@pytest.mark.parametrize("inside", source_files.IMAGENET32_PARTS["train"][1])
def test_imagenet32_is_read_from_the_files_that_are_compared(inside: str, tmp_path: Path) -> None:
    pickling.write_imagenet32(tmp_path / inside)
    shutil.move(tmp_path / inside / "val_data", tmp_path / "val_data")
    compared = source_files.files_of("imagenet32", tmp_path)
    found = [imagenet32._find(tmp_path, part) for part in ("train", "test")]
    assert compared == [file for part in found for file in part]


# --- Snakemake ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a warm-up on a file of its own; not to be changed."""
    folder = workbench.copy_project(tmp_path_factory.mktemp("replaced") / "copy")
    configure(folder, "{source: mine, data_dir: data}")
    save(folder / "data" / "mine.npz")
    answer = workbench.snakemake(folder, f"{WARMUP}/run.json", "--cores", "2", *CONFIG)
    assert answer.code == 0, answer.text
    return folder


def move(folder: Path) -> None:
    (folder / "data").rename(folder / "elsewhere")
    configure(folder, "{source: mine, data_dir: elsewhere}")


def other_and_back(folder: Path) -> None:
    save(folder / "data/mine.npz", "second")
    save(folder / "data/mine.npz")


# Those of which Snakemake itself could only say that params have changed.
SAID = ("other images", "other images of the same age", "other images in another folder")
EVERYTHING = {"dataset": 1, "federation": 1, "warmup": 1}
CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, int]]] = {
    "nothing": (lambda folder: None, {}),
    "another time stamp": (lambda folder: os.utime(folder / "data/mine.npz"), {}),
    "another folder": (move, {}),
    "other images and the old ones again": (other_and_back, {}),
    "no folder": (lambda folder: shutil.rmtree(folder / "data"), {}),
    "a file of no use": (lambda folder: (folder / "data/other.npz").write_bytes(b""), {}),
    "a damaged memory": (lambda f: (f / "results/.file-hashes.json").write_text("{"), {}),
    "other images": (lambda folder: save(folder / "data/mine.npz", "second"), EVERYTHING),
    "other images of the same age": (
        lambda folder: (save(folder / "data/mine.npz", "second"), aged(folder / "data/mine.npz")),
        EVERYTHING,
    ),
    "other images in another folder": (
        lambda folder: (move(folder), save(folder / "elsewhere/mine.npz", "second")),
        EVERYTHING,
    ),
    "fewer images": (
        lambda folder: configure(folder, "{source: mine, data_dir: data, images_train: 39}"),
        EVERYTHING,
    ),
}


@pytest.fixture(scope="module")
def plans(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, workbench.Answer]:
    """The dry run after each change."""
    folders = {name: tmp_path_factory.mktemp("changed") / "copy" for name in CHANGES}
    for name, folder in folders.items():
        shutil.copytree(made, folder)
        CHANGES[name][0](folder)
    calls = [(folder, [f"{WARMUP}/run.json", "-n", *CONFIG]) for folder in folders.values()]
    return dict(zip(CHANGES, workbench.snakemake_many(calls), strict=True))


@pytest.mark.parametrize("name", CHANGES)
def test_other_contents_are_noticed_and_nothing_else(
    name: str, plans: dict[str, workbench.Answer]
) -> None:
    answer = plans[name]
    assert planned(answer) == CHANGES[name][1]
    said = "dataset.npz: it was not made from the present contents of mine.npz in" in answer.text
    assert said == (name in SAID)


def test_the_same_images_in_another_file_train_nothing_again(made: Path, tmp_path: Path) -> None:
    """Compressed, the file has other bytes; the jobs run once more, each from its saved work."""
    copy = shutil.copytree(made, tmp_path / "copy")
    save(copy / "data/mine.npz", write=np.savez_compressed)
    before = (copy / DATA / "dataset.npz").read_bytes()
    call = (f"{WARMUP}/run.json", "--cores", "2", *CONFIG)
    assert planned(workbench.snakemake(copy, *call)) == EVERYTHING
    assert (copy / DATA / "dataset.npz").read_bytes() == before
    assert "after round 60" in (copy / "results/mine/logs/warmup/fedavg-high/0.log").read_text()
    assert planned(workbench.snakemake(copy, *call)) == {}


@pytest.mark.long
def test_a_file_that_the_job_downloads_is_not_taken_for_a_change(
    project: Path, tmp_path: Path
) -> None:
    """The first time Snakemake asks, nothing is there; nor does a folder that is gone matter."""
    copy = workbench.copy_project(tmp_path / "copy", project)
    configure(copy, "{source: cifar10, data_dir: data}")
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pickling.write(tmp_path / "web" / name, pickling.rows(20, 10))
    with (copy / "zowarmup/data/sources/cifar.py").open("a") as file:
        file.write(
            "\n\ndef _download(name, folder, kind):\n    import shutil\n"
            f"    shutil.copytree({str(tmp_path / 'web')!r}, folder / kind.base_folder)\n"
        )
    call = (FEDERATION, "--cores", "1", *CONFIG)
    assert planned(workbench.snakemake(copy, *call)) == {"dataset": 1, "federation": 1}
    files = json.loads((copy / DATA / "source.json").read_text())["files"]
    assert sorted(files) == sorted(source_files.CIFAR["cifar10"][1])
    again = [(copy, [*call, "-n"])]
    assert planned(workbench.snakemake_many(again)[0]) == {}
    pickling.write(copy / "data/cifar-10-batches-py/data_batch_2", pickling.rows(21, 10))
    assert planned(workbench.snakemake_many(again)[0]) == {"dataset": 1, "federation": 1}
    shutil.rmtree(copy / "data")
    assert planned(workbench.snakemake_many(again)[0]) == {}


def test_the_data_folder_of_the_environment(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(made, tmp_path / "copy")
    configure(copy, "{source: mine}")
    for folder, key in (("same", "first"), ("other", "second")):
        save(tmp_path / folder / "mine.npz", key)
    for folder, expected in (("same", {}), ("nowhere", {}), ("", {}), ("other", EVERYTHING)):
        monkeypatch.setenv("ZOWARMUP_DATA_DIR", str(tmp_path / folder) if folder else "")
        [answer] = workbench.snakemake_many([(copy, [f"{WARMUP}/run.json", "-n", *CONFIG])])
        assert planned(answer) == expected, folder


# --- the commands ---------------------------------------------------------------------------


@pytest.fixture
def copy(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_verify_says_that_data_were_replaced(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "results/mine"]) == 0
    save(copy / "data/mine.npz", "second")
    assert main(["verify", "results/mine"]) == 1
    assert f"{DATA}/dataset.npz: it was not made from the present contents of mine.npz in" in (
        capsys.readouterr().out
    )
    shutil.rmtree(copy / "data")
    assert main(["verify", "results/mine"]) == 0


def test_verify_finds_a_record_that_is_none(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("{", "[]", '{"files": 1}'):
        (copy / DATA / "source.json").write_text(text)
        assert main(["verify", "results/mine"]) == 1
        assert "source.json" in capsys.readouterr().out


def test_run_refuses_data_that_were_replaced(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save(copy / "data/mine.npz", "second")
    before = workbench.contents(copy / "results", ())
    assert main(["run", "mine.yaml", "--run", "high_res_only", "--seed", "0"]) == 2
    assert "not made from the present contents of mine.npz in data; run snakemake" in (
        capsys.readouterr().err
    )
    after = workbench.contents(copy / "results", ())
    assert after.keys() - before.keys() <= {".file-hashes.json"}
    assert {name: after[name] for name in before} == before


def test_run_refuses_a_data_set_of_other_settings(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in ("{source: mine, data_dir: data, images_train: 39}", "{source: digits}"):
        configure(copy, source)
        assert main(["run", "mine.yaml", "--run", "high_res_only", "--seed", "0"]) == 2
        assert "but the config says" in capsys.readouterr().err


def test_run_records_what_it_made_a_data_set_from(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And Snakemake, which has not seen that, has nothing to do about it."""
    shutil.rmtree(copy / DATA)
    assert main(["run", "mine.yaml", "--run", "high_res_only", "--seed", "0"]) == 0
    record = json.loads((copy / DATA / "source.json").read_text())
    assert list(record["files"]) == ["mine.npz"]
    [answer] = workbench.snakemake_many([(copy, [f"{WARMUP}/run.json", "-n", *CONFIG])])
    assert "params" not in answer.text.lower(), answer.text


def test_inspect_shows_what_a_data_set_was_made_from(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("dataset.npz", "source.json", "dataset.json"):
        assert main(["inspect", f"{DATA}/{name}", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["source"] == "mine"
        assert [row["file"] for row in found["made_from"]] == ["mine.npz"]
