"""Files of the user's own: every reader takes what the data set takes; refusals say what to do."""

import gzip
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pickling
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from zowarmup.__main__ import main
from zowarmup.config.datasets import Dataset
from zowarmup.data import dataset_file, federation
from zowarmup.data.array_layout import CHANNELS
from zowarmup.data.arrays import DataError
from zowarmup.data.draws import generator
from zowarmup.data.federation import FederationError
from zowarmup.forecast import sizes
from zowarmup.inspection.inspect import inspect
from zowarmup.inspection.verify import verify

Arrays = dict[str, np.ndarray]
repeatable = settings(derandomize=True, database=None, deadline=None, max_examples=150)


def good() -> Arrays:
    """A small data set as a user would store it: 40 + 10 colour pictures, five classes."""
    x = generator("test images").integers(0, 256, (50, 6, 7, 3)).astype(np.uint8)
    y = np.arange(50) % 5
    return {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}


def both(array: str, change: Callable[[np.ndarray], np.ndarray]) -> Arrays:
    """Training and test images ("x") or labels ("y"), changed."""
    return {key: change(value) for key, value in good().items() if key[0] == array}


# --- what is accepted -----------------------------------------------------------------------

side = st.integers(1, 9)
channels = st.sampled_from([1, 2, 3, 4, 5])
shapes = st.one_of(
    st.tuples(side, side),
    st.tuples(side, side, channels),
    st.tuples(channels, side, side),
    st.tuples(side, side, side),
)


@repeatable
@given(st.data(), shapes, st.integers(2, 3), st.integers(1, 2))
def test_what_the_data_set_takes_every_reader_takes(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    shape: tuple[int, ...],
    n: int,
    tests: int,
) -> None:
    """The images are those of the file, whichever axis counts the channels."""
    folder = tmp_path_factory.mktemp("data")
    x = data.draw(arrays_of.arrays(np.uint8, (n + tests, *shape)))
    y = np.arange(n + tests) % n
    np.savez(folder / "own.npz", x_train=x[:n], y_train=y[:n], x_test=x[n:], y_test=y[n:])
    try:
        made = dataset_file.load_source("own", folder)
    except DataError:
        assert (shape[0] in CHANNELS) == (shape[-1] in CHANNELS)
        assert len(shape) == 3
        return
    path = folder / "results" / "own" / "datasets" / "own" / "dataset.npz"
    dataset_file.save(made, path)
    read = dataset_file.load(path)
    for found in (made, read):
        np.testing.assert_array_equal(found.x_train, channels_first(x[:n]))
        np.testing.assert_array_equal(found.x_test, channels_first(x[n:]))
    assert (
        inspect(path)["image"]
        == inspect(folder / "own.npz")["image"]
        == list(read.x_train.shape[1:])
    )
    assert verify(path.parents[2])["agrees"]
    size = sizes.dataset_size("own", Dataset(source="own", data_dir=str(folder)))
    assert size == sizes.Size(read.x_train.shape[1:], n, n, tests)
    dealt = federation.build(read, clients=1, alpha=0.5, holdout=0.1, seed=0)
    federation.save(dealt, folder / "federation.json")
    federation.load(folder / "federation.json", read)


def channels_first(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W); the axis of channels is the one that can be."""
    if x.ndim == 3:
        return x[:, None]
    return x if x.shape[1] in CHANNELS else np.moveaxis(x, -1, 1)


@pytest.mark.parametrize("shape", [(16, 3), (3, 3), (1, 1), (4, 1), (2, 16), (1, 9, 9), (9, 9, 1)])
def test_narrow_grey_images(shape: tuple[int, ...], tmp_path: Path) -> None:
    """What is written is (N, 1, 16, 3), which read back is nothing to guess about."""
    x = np.arange(10 * np.prod(shape)).astype(np.uint8).reshape(10, *shape)
    y = np.arange(10) % 2
    np.savez(tmp_path / "grey.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    made = dataset_file.load_source("grey", tmp_path)
    dataset_file.save(made, tmp_path / "dataset.npz")
    assert dataset_file.load(tmp_path / "dataset.npz").sha256 == made.sha256


# --- what is refused, and what to do about it -----------------------------------------------

UNIQUE = r"names, y = numpy\.unique\(numpy\.concatenate\(\[y_train, y_test\]\), return_inverse=True"
ONE_HOT, INTEGERS = (
    r"one-hot rows: store it as y\.argmax\(axis=1\)",
    r"y\.ravel\(\)\.astype\(numpy\.int64\)",
)
WORDS = np.array(["cat", "dog", "eel", "fox", "gnu"])
LAST = r"last axis counts the images; store it as numpy\.moveaxis\(x, -1, 0\)"
REFUSED: dict[str, tuple[Arrays, str]] = {
    "one-hot": (both("y", lambda y: np.eye(5)[y]), ONE_HOT),
    "one-hot, integers": (both("y", lambda y: np.eye(5, dtype=np.uint8)[y]), ONE_HOT),
    "one-hot, booleans": (both("y", lambda y: np.eye(5, dtype=bool)[y]), ONE_HOT),
    "several labels": (both("y", lambda y: np.eye(5)[y] + np.eye(5)[4 - y]), "keep one class"),
    "a column": (both("y", lambda y: y[:, None]), INTEGERS),
    "text": (both("y", lambda y: WORDS[y]), UNIQUE),
    "bytes": (both("y", lambda y: WORDS.astype(bytes)[y]), UNIQUE),
    "whole floats": (both("y", lambda y: y / 1), INTEGERS),
    "measured values": (both("y", lambda y: y / 2), "measured values or NaN"),
    "NaN labels": (both("y", lambda y: np.where(y == 1, np.nan, y)), "or leave the image out"),
    "booleans": (both("y", lambda y: y > 2), INTEGERS),
    "from 1": (both("y", lambda y: y + 1), "class 0 .* subtract 1 from y_train and y_test"),
    "from 100": (both("y", lambda y: y + 100), "subtract 100 from"),
    "-1 and 1": (both("y", lambda y: np.where(y > 2, 1, -1)), UNIQUE),
    "gaps": (both("y", lambda y: 10 * y), UNIQUE),
    "huge": (both("y", lambda y: y + 2**40), UNIQUE),
    "a class of the test set": ({"y_test": good()["y_test"] + 1}, "class 5 .* add training images"),
    "one class": (both("y", lambda y: 0 * y + 3), "all images are of one class, 3"),
    "one image": ({k: v[:1] for k, v in good().items()}, "all images are of one class, 0"),
    "0 to 1": (both("x", lambda x: x / 255), r"from 0 to 1: .*\(255 \* x\)\.round\(\)"),
    "floats to 255": (both("x", lambda x: x / 1), r"from 0 to 255: store it as x\.round\(\)\.ast"),
    "half precision": (both("x", lambda x: (x / 255).astype("f2")), r"\(255 \* x\)\.round"),
    "integers": (
        both("x", lambda x: x.astype(int)),
        r"from 0 to 255: store it as x\.round\(\)\.ast",
    ),
    "16 bits": (
        both("x", lambda x: 257 * x.astype("u2")),
        r"\(255 / white \* x\)\.round\(\).* 65535",
    ),
    "normalised": (both("x", lambda x: x / 64 - 2.0), "undo the normalisation"),
    "black and white": (both("x", lambda x: x > 9), r"\(255 \* x\)\.round\(\)"),
    "NaN pixels": (both("x", lambda x: np.where(x == 3, np.nan, x)), "NaN or infinite: replace"),
    "infinite": (both("x", lambda x: np.where(x == 3, np.inf, x)), "NaN or infinite: replace"),
    "text pixels": (both("x", lambda x: x.astype(str)), "numbers from 0 to 255"),
    "images last": (both("x", lambda x: x.transpose(3, 1, 2, 0)), LAST),
    "MATLAB": (both("x", lambda x: x.transpose(1, 2, 3, 0)), LAST),
    "grey, images last": (both("x", lambda x: x[..., 0].transpose(1, 2, 0)), LAST),
    "flat": (both("x", lambda x: x[:, :5, :5, 0].reshape(-1, 25)), r"x\.reshape\(-1, 28, 28\)"),
    "flat colours": (
        both("x", lambda x: x[:, :5, :5].reshape(-1, 75)),
        r"reshape\(-1, 3, 32, 32\)",
    ),
    "no channels": (both("x", lambda x: x.repeat(2, 3)), "no axis could be"),
    "two channel axes": (both("x", lambda x: x[:, :3]), "two axes could be"),
    "other test images": ({"x_test": good()["x_test"][:, :5]}, r"\(3, 5, 7\).*\(3, 6, 7\)"),
    "no images": (both("x", lambda x: x[:0]) | both("y", lambda y: y[:0]), "at least one image"),
    "a label too few": ({"y_train": good()["y_train"][1:]}, "40 images .* 39 labels; give each"),
    "swapped": (
        {"y_train": good()["y_test"], "y_test": good()["y_train"]},
        "10 labels.*swap y_train and y_test",
    ),
    "objects": (both("x", lambda x: np.array([*x, None], object)[:-1]), r"objects.*numpy\.stack"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_arrays_say_what_to_type(case: str, tmp_path: Path) -> None:
    changed, message = REFUSED[case]
    np.savez(tmp_path / "own.npz", allow_pickle=True, **good() | changed)
    with pytest.raises(DataError, match=f"own.npz: .*{message}") as error:
        dataset_file.load_source("own", tmp_path)
    assert "\n" not in str(error.value)


FOLLOWED: dict[str, tuple[Arrays, Callable[[Arrays], Arrays]]] = {
    "one-hot": (
        both("y", lambda y: np.eye(5)[y]),
        lambda a: {k: a[k].argmax(axis=1) for k in ("y_train", "y_test")},
    ),
    "floats": (
        both("x", lambda x: x / 255),
        lambda a: {k: (255 * a[k]).round().astype(np.uint8) for k in ("x_train", "x_test")},
    ),
    "16 bits": (
        both("x", lambda x: 257 * x.astype("u2")),
        lambda a: {k: (255 / 65535 * a[k]).round().astype(np.uint8) for k in ("x_train", "x_test")},
    ),
    "images last": (
        both("x", lambda x: np.moveaxis(x, 0, -1)),
        lambda a: {k: np.moveaxis(a[k], -1, 0) for k in ("x_train", "x_test")},
    ),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_what_a_message_says_gives_the_images_back(case: str, tmp_path: Path) -> None:
    changed, remedy = FOLLOWED[case]
    np.savez(tmp_path / "own.npz", **good())
    expected = dataset_file.load_source("own", tmp_path).sha256
    wrong = good() | changed
    np.savez(tmp_path / "own.npz", **wrong | remedy(wrong))
    assert dataset_file.load_source("own", tmp_path).sha256 == expected


def test_a_limit_that_loses_a_class_is_what_to_raise(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **good())
    with pytest.raises(DataError, match=r"raise images_train \(2\)"):
        dataset_file.load_source("own", tmp_path, images_train=2)


def test_more_clients_than_images(tmp_path: Path) -> None:
    np.savez(tmp_path / "own.npz", **good())
    data = dataset_file.load_source("own", tmp_path)
    with pytest.raises(FederationError, match="set `clients: 20` in `federations`"):
        federation.build(data, clients=21, alpha=0.1, holdout=0.1, seed=0)


# --- other files under the name -------------------------------------------------------------


def zipped(folder: Path, names: str) -> bytes:
    with zipfile.ZipFile(folder / "zip", "w") as archive:
        for name in names.split():
            archive.writestr(name, "x")
    return (folder / "zip").read_bytes()


def npy(folder: Path) -> bytes:
    with (folder / "npy").open("wb") as file:
        np.save(file, np.ones(3))
    return (folder / "npy").read_bytes()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
FILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "LFS": (lambda f: LFS, "a Git LFS pointer; run `git lfs pull`"),
    "HDF5": (lambda f: b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file; read it with h5py"),
    "MATLAB": (lambda f: b"MATLAB 5.0 MAT-file, Platform" + bytes(99), r"with scipy\.io"),
    "gzip": (lambda f: gzip.compress(b"x"), "a gzip file; unpack it first"),
    "PNG": (lambda f: b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG image; put all images"),
    "pickle": (lambda f: pickle.dumps({"x": 1}), "a pickle, which could run code"),
    "page": (lambda f: b"\n<!DOCTYPE html><html>Sign in</html>", "a web page or XML; log in"),
    "table": (lambda f: b"label,pixel1\n3,7\n", "a text file that begins with 'label,pixel1'"),
    "empty": (lambda f: b"", "an empty file; .*copy it again"),
    "zeros": (lambda f: bytes(9999), "a file of zeros"),
    "one array": (npy, r"one plain array; .*numpy\.savez"),
    "zip": (lambda f: zipped(f, "a.png b.png"), r"x_train is missing \(the file has a.png, b"),
    "other names": (lambda f: _savez(f, "train_images"), "x_train is missing .*train_images"),
    "tar": (lambda f: b"a" * 257 + b"ustar" + bytes(250), "a tar archive; unpack it"),
}


def _savez(folder: Path, name: str) -> bytes:
    np.savez(folder / "some.npz", **{name: np.ones(3)})
    return (folder / "some.npz").read_bytes()


@pytest.mark.parametrize("case", FILES)
def test_another_file_under_the_name(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, message = FILES[case]
    data = make(tmp_path)
    (tmp_path / "own.npz").write_bytes(data)
    with pytest.raises(DataError, match=f"own.npz: .*{message}"):
        dataset_file.load_source("own", tmp_path)
    if case not in ("one array", "zip", "other names"):
        with pytest.raises(ValueError, match=f"own.npz: .*{message}"):
            sizes.dataset_size("own", Dataset(source="own", data_dir=str(tmp_path)))


@pytest.mark.parametrize("case", ["LFS", "HDF5", "gzip", "PNG", "page", "empty", "zeros"])
@pytest.mark.parametrize("source", ["cifar10", "imagenet32"])
def test_another_file_under_the_name_of_a_batch(case: str, source: str, tmp_path: Path) -> None:
    pickling.write_imagenet32(tmp_path)
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pickling.write(tmp_path / "cifar-10-batches-py" / name, pickling.rows(20, 10))
    make, message = FILES[case]
    batch = {"cifar10": "cifar-10-batches-py/data_batch_3", "imagenet32": "train_data_batch_7"}
    (tmp_path / batch[source]).write_bytes(make(tmp_path))
    with pytest.raises(DataError, match=f"{batch[source]}: not a readable pickle.* but {message}"):
        dataset_file.load_source(source, tmp_path)


def test_an_archive_that_is_none_is_not_downloaded_over(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(LFS)
    with pytest.raises(DataError, match=r"cifar-10-python.tar.gz: .*run `git lfs pull`"):
        dataset_file.load_source("cifar10", tmp_path)
    assert archive.read_bytes() == LFS


# --- zowarmup inspect -----------------------------------------------------------------------


def inspected(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    assert not main(["inspect", str(path), "--json"])
    return json.loads(capsys.readouterr().out)


def test_inspect_describes_the_users_own_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "own.npz", **good())
    found = inspected(tmp_path / "own.npz", capsys)
    assert (found["is"], found["classes"], found["image"]) == ("images", 5, [3, 6, 7])
    assert found["usable"].startswith("yes, as `source: own`")
    assert found["arrays"][0]["array"] == "x_train"
    assert found["arrays"][0]["shape"] == [40, 6, 7, 3]
    assert found["arrays"][0]["values"] == "0 to 255"


def test_inspect_says_why_a_file_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "own.npz", **good() | both("y", lambda y: np.eye(5)[y]))
    assert "argmax" in inspected(tmp_path / "own.npz", capsys)["usable"]
    np.savez(tmp_path / "own.npz", images=np.ones((2, 3)))
    assert "x_train is missing" in inspected(tmp_path / "own.npz", capsys)["usable"]
    np.savez(tmp_path / "digits.npz", **good())
    assert "rename it" in inspected(tmp_path / "digits.npz", capsys)["usable"]
    np.savez(tmp_path / "val_data.npz", data=np.ones((2, 3072), np.uint8), labels=[1, 2])
    assert "source: imagenet32" in inspected(tmp_path / "val_data.npz", capsys)["usable"]
    (tmp_path / "lfs.npz").write_bytes(LFS)
    assert main(["inspect", str(tmp_path / "lfs.npz")]) == 2
    assert "git lfs pull" in capsys.readouterr().err
