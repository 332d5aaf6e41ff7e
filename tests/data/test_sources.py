"""Files of CIFAR and ImageNet32 and the pickles they are: what is read and what is refused."""

import hashlib
import os
import pickle
import resource
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pickling
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zowarmup.data import dataset_file
from zowarmup.data.arrays import DataError
from zowarmup.data.sources import cifar, imagenet32
from zowarmup.data.sources.pickles import NumberType, read_pickle

# --- pickles --------------------------------------------------------------------------------

CONTENT = {
    "data": np.arange(24, dtype=np.uint8).reshape(2, 12),
    "fortran": np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
    "float": np.linspace(0, 1, 5)[::2],
    "bool": np.ones(3, bool),
    "empty": np.zeros((0, 3)),
    "scalar": np.float32(3.5),
    "labels": [1, 300, -70_000, 2**40],
    "other": (None, True, 0.5, "é", b"\xff\x00", {"a": []}, ()),
}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_protocol(protocol: int, tmp_path: Path) -> None:
    pickling.write(tmp_path / "file", CONTENT, protocol)
    found = read_pickle(tmp_path / "file")
    assert list(found) == list(CONTENT)
    for key, value in CONTENT.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(found[key], value, strict=True)
        else:
            assert found[key] == value


def test_a_pickle_in_the_way_of_python_2(tmp_path: Path) -> None:
    """What `pickling.python2` makes, for it makes the files below; `pickle` reads the same."""
    x, mean = np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([0.5, 2.0])
    data = pickling.python2({"data": x, "labels": [3, 500], "mean": mean, "batch_label": "one"})
    (tmp_path / "file").write_bytes(data)
    found = read_pickle(tmp_path / "file")
    standard = pickle.loads(data, encoding="bytes")
    assert list(found) == [key.decode() for key in standard]
    np.testing.assert_array_equal(found["data"], x, strict=True)
    np.testing.assert_array_equal(standard[b"data"], x, strict=True)
    np.testing.assert_array_equal(found["mean"], mean, strict=True)
    assert (found["labels"], found["batch_label"]) == ([3, 500], b"one")


# {"data": numpy.array([[0, 200, 10, 39]], numpy.uint8), "labels": [3, 500]} as cPickle of Python
# 2.7.18 with numpy 1.16.6 writes it.
OF_PYTHON_2 = {
    0: (
        b"(dp1\nS'labels'\np2\n(lp3\nI3\naI500\nasS'data'\np4\ncnumpy.core.multiarray\n_reconstruct\n"
        b"p5\n(cnumpy\nndarray\np6\n(I0\ntS'b'\ntRp7\n(I1\n(I1\nI4\ntcnumpy\ndtype\np8\n(S'u1'\nI0\nI1\n"
        b"tRp9\n(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS\"\\x00\\xc8\\n'\"\ntbs."
    ),
    2: (
        b"\x80\x02}q\x01(U\x06labelsq\x02]q\x03(K\x03M\xf4\x01eU\x04dataq\x04cnumpy.core.multiarray\n"
        b"_reconstruct\nq\x05cnumpy\nndarray\nq\x06K\x00\x85U\x01b\x87Rq\x07(K\x01K\x01K\x04\x86cnumpy\n"
        b"dtype\nq\x08U\x02u1K\x00K\x01\x87Rq\t(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x04\x00\xc8\n'tbu."
    ),
}


@pytest.mark.parametrize("protocol", OF_PYTHON_2)
def test_what_python_2_wrote(protocol: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(OF_PYTHON_2[protocol])
    found = read_pickle(tmp_path / "file")
    expected = np.array([[0, 200, 10, 39]], np.uint8)
    np.testing.assert_array_equal(found["data"], expected, strict=True)
    assert found["labels"] == [3, 500]


class Call:
    """An object whose pickle calls a function when it is loaded."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def attacks(canary: Path) -> dict[str, Any]:
    """Objects whose pickles do what data never do; the first four would make `canary`."""
    plain = np.zeros(2)
    return {
        "system": Call(os.system, f"touch {canary}"),
        "eval": {"data": [Call(eval, f"open({str(canary)!r}, 'w')")]},
        "open": Call(open, str(canary), "w"),
        "bytes": Call(bytes, 3),
        "numpy.load": {"data": Call(np.load, str(canary), "r", True)},
        "numpy.frombuffer": Call(np.frombuffer, b"12"),
        "getattr": Call(getattr, plain, "tofile"),
        "objects": {"data": np.array([{}, None], dtype=object)},
        "records": np.zeros(2, dtype=[("a", "u1"), ("b", "O")]),
        "text": np.array(["ab"]),
        "times": np.array(["2020-01-01"], "M8[D]"),
        "complex": 1j,
        "class": {"data": Path},
        "instance": canary,
    }


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("case", attacks(Path()))
def test_what_is_no_data_is_refused(case: str, protocol: int, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickling.write(tmp_path / "file", attacks(canary)[case], protocol)
    with pytest.raises(DataError, match=r"file: (it asks|not a readable pickle of numbers)"):
        read_pickle(tmp_path / "file")
    assert not canary.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"cos\nsystem\n(S'touch canary'\ntR.", "it asks for os.system, but"),
        (b"(S'touch canary'\nios\nsystem\n.", "it asks for os.system, but"),
        (b"\x80\x04(cos\nsystem\no.", "it asks for os.system, but"),
        (b"cnumpy\nndarray\n)\x81.", "not a readable pickle"),
        (b"cnumpy\nndarray\n)R.", "not a readable pickle"),
        (b"cnumpy\ndtype\n}b.", "not a readable pickle"),
        (b"Ponly\n.", "not a readable pickle .*persistent id"),
        (b"\x82\x01.", "not a readable pickle .*extension code"),
        (b"", "an empty file; the copy or download failed"),
        (b"\x80\x02}", "not a readable pickle .*Ran out of input"),
        (b".", "not a readable pickle"),
        (b"<html>404</html>", "a web page or XML"),
        (b"\x8e" + bytes([255] * 6) + b"\x00\x00.", "not a readable pickle"),
        (b"\x80\x02(" + b"\x85" * 9 + b".", "not a readable pickle"),
        (b"\x80\x04K\x01K\x02\x93.", "STACK_GLOBAL requires str"),
        (b"cnumpy\ndtype\n(]K\x00tR.", "not a readable pickle"),
    ],
)
def test_instructions_that_data_have_no_need_of(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(DataError, match=message) as error:
        read_pickle(tmp_path / "file")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(tmp_path))


@pytest.fixture
def little_memory() -> Iterator[None]:
    """2 GB more than now: a damaged place in a pickle can ask for a list of any length."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + 2**31, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("little_memory")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of bytearrays
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(
    protocol=st.integers(0, 5),
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
def test_a_damaged_pickle_is_an_error_or_data(
    tmp_path_factory: pytest.TempPathFactory,
    protocol: int,
    cut: float,
    flips: list[tuple[float, int]],
) -> None:
    """What is read of it, if it is read at all, is of the kinds that data are made of."""
    data = bytearray(pickle.dumps(CONTENT, protocol))
    for place, byte in flips:
        data[int(place * len(data))] = byte
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(data[: max(1, round((1 if flips else cut) * len(data)))])
    try:
        found = read_pickle(path)
    except DataError:
        return
    assert type(found).__module__ in ("builtins", "numpy") or isinstance(found, NumberType)


# --- ImageNet32 -----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pickling.write_imagenet32(tmp_path)
    return tmp_path


def test_imagenet32(folder: Path) -> None:
    """Rows are red, green, blue planes; labels begin at 1; batch 10 comes after batch 9."""
    batch = pickling.rows(3, 4, first=1)
    pickling.write(folder / "train_data_batch_10", batch)
    found = dataset_file.load_source("imagenet32", folder)
    assert (found.x_train.shape, found.x_test.shape) == ((39, 3, 32, 32), (8, 3, 32, 32))
    assert (found.classes, found.scale) == (4, 255.0)
    data = batch["data"]
    assert isinstance(data, np.ndarray)
    np.testing.assert_array_equal(found.x_train[-1, 1, 2], data[-1, 1024 + 64 : 1024 + 96])
    assert found.y_train[-3:].tolist() == [0, 1, 2]


def test_imagenet32_lies_where_its_archives_put_it(folder: Path, tmp_path: Path) -> None:
    plain = dataset_file.load_source("imagenet32", folder).sha256
    shutil.move(folder, tmp_path.with_name("pickles"))
    for parts in (("Imagenet32_train", "Imagenet32_val"), ("out_data_train", "out_data_val")):
        root = tmp_path / parts[0] / "imagenet32"
        for part, pattern in zip(parts, ("train*", "val*"), strict=True):
            for file in tmp_path.with_name("pickles").glob(pattern):
                (root / part).mkdir(parents=True, exist_ok=True)
                shutil.copy(file, root / part)
        assert dataset_file.load_source("imagenet32", root.parent).sha256 == plain


def test_imagenet32_as_npz(folder: Path) -> None:
    plain = dataset_file.load_source("imagenet32", folder).sha256
    for i, file in enumerate([*folder.iterdir()]):
        found = read_pickle(file)
        save = np.savez_compressed if i % 2 else np.savez
        save(f"{file}.npz", data=found["data"], labels=np.array(found["labels"]))
        file.unlink()
    assert dataset_file.load_source("imagenet32", folder).sha256 == plain
    (folder / "val_data.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"val_data.npz: not a readable .npz file"):
        dataset_file.load_source("imagenet32", folder)


def put(name: str, **changes: object) -> Callable[[Path], object]:
    """Replace the content of a file in part; None takes a key out."""

    def change(folder: Path) -> None:
        content = pickling.rows(4, 4, first=1) | changes
        pickling.write(folder / name, {k: v for k, v in content.items() if v is not None})

    return change


def cut(name: str, size: int) -> Callable[[Path], object]:
    return lambda folder: os.truncate(folder / name, size)


RED = np.zeros((4, 1024), np.uint8)
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (cut("train_data_batch_3", 9000), "batch_3: not a readable pickle .*truncated"),
    "empty": (cut("train_data_batch_3", 0), "batch_3: not a readable pickle .*an empty file"),
    "missing": (lambda f: (f / "train_data_batch_7").unlink(), "train_data_batch_7 is missing"),
    "no test": (lambda f: (f / "val_data").unlink(), "val_data is missing, as pickle or .npz"),
    "from 0": (put("val_data", labels=[0, 1, 2, 3]), "labels go from 0 to 3.* counts from 1"),
    "too many": (put("val_data", labels=[1, 1, 1, 1001]), "labels go from 1 to 1001"),
    "huge label": (put("val_data", labels=[2**70] * 4), "labels must be one integer per image"),
    "float labels": (put("val_data", labels=[1.0] * 4), "labels must be one integer per image"),
    "no labels": (put("val_data", labels=None), r"with data and labels but holds \['data'\]"),
    "width": (put("train_data_batch_1", data=RED), r"batch_1: data is uint8 of shape \(4, 1024\)"),
    "64": (put("val_data", data=np.zeros((4, 12288), np.uint8)), "the edition with 32 x 32"),
    "floats": (put("val_data", data=np.zeros((4, 3072))), "data is float64 of shape"),
    "list": (put("val_data", data=[[0] * 3072] * 4), "data is list but must be uint8"),
    "rows": (put("val_data", labels=[1, 2, 3]), "has 4 images but 3 labels"),
    "no dict": (lambda f: pickling.write(f / "val_data", [1]), "must hold a dict"),
    "gap": (
        lambda f: pickling.write_imagenet32(f, classes=3) or put("val_data")(f),
        "y_train has no image of class 3",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_imagenet32_files(case: str, folder: Path) -> None:
    damage, message = WRONG[case]
    damage(folder)
    with pytest.raises(DataError, match=message) as error:
        dataset_file.load_source("imagenet32", folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_sizes_that_do_not_go_together(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official sizes, or two that are both not official; small ImageNet is never taken."""
    monkeypatch.setattr(imagenet32, "SIZES", (1_281_167, 8))
    with pytest.raises(DataError, match=r"40 training and 8 test images, but .* incomplete"):
        dataset_file.load_source("imagenet32", folder)
    monkeypatch.setattr(imagenet32, "SIZES", (40, 8))
    dataset_file.load_source("imagenet32", folder)
    monkeypatch.setattr(imagenet32, "SMALL_TEST", 8)
    with pytest.raises(DataError, match="val_data: has 8 images, so it is from small ImageNet"):
        dataset_file.load_source("imagenet32", folder)


def test_images_are_held_once(folder: Path) -> None:
    """While they are read there is one batch of ten beside them; from the workflow's file, none."""
    pickling.write_imagenet32(folder, images=400)
    size = 10 * 400 * 3072
    arrays, peak = peak_memory(lambda: imagenet32.read("imagenet32", folder))
    assert size < peak < 1.2 * size
    mean = np.zeros(3, np.float32)
    data = dataset_file.Dataset(name="x", mean=mean, std=mean + 1, scale=255.0, **arrays)
    dataset_file.save(data, folder / "dataset.npz")
    assert size < peak_memory(lambda: dataset_file.load(folder / "dataset.npz"))[1] < 1.2 * size


def peak_memory(function: Callable[[], Any]) -> tuple[Any, int]:
    """What a function gives, and the most bytes that Python and numpy held for it."""
    tracemalloc.start()
    try:
        return function(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_real_files_of_imagenet32() -> None:
    """They are pickles that the standard library reads alike, as far as one may let it."""
    folder = Path(os.environ.get("ZOWARMUP_DATA_DIR", ""))
    if not (folder / "train_data_batch_1").is_file():
        pytest.skip("set ZOWARMUP_DATA_DIR to a folder with ImageNet32's files to test on them")
    found = dataset_file.load_source("imagenet32", folder)
    first = pickle.loads((folder / "train_data_batch_1").read_bytes(), encoding="latin1")
    n = len(first["labels"])
    np.testing.assert_array_equal(found.x_train[:n].reshape(n, 3072), first["data"])
    np.testing.assert_array_equal(found.y_train[:n], np.array(first["labels"]) - 1)


def test_imagenet32_without_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train_data_batch_1 is missing.* Imagenet32_train_npz"):
        dataset_file.load_source("imagenet32", tmp_path)


# --- CIFAR ----------------------------------------------------------------------------------


CIFAR = {"cifar10": ("cifar-10-batches-py", 10), "cifar100": ("cifar-100-python", 20)}


def write_cifar(folder: Path, source: str) -> Path:
    """The batches of CIFAR-10 or CIFAR-100, 20 images each, as Python 2 wrote them."""
    place, fine = folder / CIFAR[source][0], CIFAR[source][1]
    place.mkdir(parents=True)
    names = ["train", "test"]
    if source == "cifar10":
        names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for n, name in enumerate(names):
        batch = pickling.rows(20 + n, fine)
        if source == "cifar100":
            batch = batch | {"fine_labels": batch["labels"], "coarse_labels": [0] * (20 + n)}
            del batch["labels"]
        (place / name).write_bytes(pickling.python2(batch))
    return place


@pytest.mark.parametrize("source", CIFAR)
def test_cifar_batches(source: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the order of the batches, CIFAR-100 with its fine labels; NAME.npz is preferred."""
    write_cifar(tmp_path, source)
    found = dataset_file.load_source(source, tmp_path)
    train, test, classes = {"cifar10": (110, 25, 10), "cifar100": (20, 21, 20)}[source]
    assert (found.x_train.shape, found.x_test.shape) == ((train, 3, 32, 32), (test, 3, 32, 32))
    assert found.classes == classes
    first = pickling.rows(20, classes)
    np.testing.assert_array_equal(found.x_train[:20].reshape(20, 3072), first["data"])
    assert found.y_train[:20].tolist() == first["labels"]
    assert "the md5 is not that of the official file" in caplog.text
    arrays = {key: value[:classes] for key, value in found.arrays.items() if key[1] == "_"}
    np.savez(tmp_path / f"{source}.npz", allow_pickle=True, **arrays)
    assert len(dataset_file.load_source(source, tmp_path).y_train) == classes


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "data_batch_4").unlink(), "data_batch_4 is missing.* remove this folder"),
        (cut("data_batch_4", 30_000), "data_batch_4: not a readable pickle .*truncated"),
        (put("data_batch_4", labels=[10] * 4), "batch_4: labels go from 10 to 10.* counts from 0"),
        (put("test_batch", data=RED), r"test_batch: data is uint8 of shape \(4, 1024\)"),
    ],
)
def test_wrong_cifar_files(damage: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    damage(write_cifar(tmp_path, "cifar10"))
    with pytest.raises(DataError, match=message):
        dataset_file.load_source("cifar10", tmp_path)


def test_cifar_sizes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(tmp_path, "cifar10")
    monkeypatch.setattr(cifar, "SIZES", (110, 10_000))
    with pytest.raises(DataError, match=r"110 training and 25 test images, but .* incomplete"):
        dataset_file.load_source("cifar10", tmp_path)


@pytest.mark.parametrize("source", CIFAR)
def test_cifar_archive(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision unpacks an archive whose checksum is right; else it asks its server, not here."""
    from torchvision import datasets as torchvision_datasets

    place = write_cifar(tmp_path / "own", source)
    expected = dataset_file.load_source(source, place.parent).sha256
    kind = getattr(torchvision_datasets, source.upper())
    monkeypatch.setattr(kind, "url", (tmp_path / "no server").as_uri())
    archive = Path(shutil.make_archive(str(tmp_path / "a"), "gztar", place.parent, place.name))
    archive.rename(tmp_path / kind.filename)
    with pytest.raises(DataError, match=rf"{source} cannot be .*put {source}.npz, {kind.filename}"):
        dataset_file.load_source(source, tmp_path)
    md5 = hashlib.md5((tmp_path / kind.filename).read_bytes()).hexdigest()
    monkeypatch.setattr(kind, "tgz_md5", md5)
    assert dataset_file.load_source(source, tmp_path).sha256 == expected
    (tmp_path / kind.filename).unlink()
    assert dataset_file.load_source(source, tmp_path).sha256 == expected


def test_real_images_in_the_format_of_cifar10(tmp_path: Path) -> None:
    """The images of cifar10.npz, as pickled batches, are the same data set."""
    folder = os.environ.get("ZOWARMUP_DATA_DIR", "")
    if not (Path(folder) / "cifar10.npz").is_file() or not folder:
        pytest.skip("set ZOWARMUP_DATA_DIR to a folder with cifar10.npz to test on real CIFAR-10")
    real = dataset_file.load_source("cifar10", folder)
    x, y = np.concatenate([real.x_train, real.x_test]), np.append(real.y_train, real.y_test)
    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    (tmp_path / "cifar-10-batches-py").mkdir()
    for i, name in enumerate(names):
        rows = slice(10_000 * i, 10_000 * (i + 1))
        batch = {"data": x[rows].reshape(-1, 3072), "labels": y[rows].tolist()}
        (tmp_path / "cifar-10-batches-py" / name).write_bytes(pickling.python2(batch))
    assert dataset_file.load_source("cifar10", tmp_path).sha256 == real.sha256
