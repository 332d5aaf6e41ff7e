"""Images of the user that cannot be used: one sentence each, and nothing is made."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import malform as m
import numpy as np
import pickling
import pytest
from commands import NAN, TINY, refused, zowarmup


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npz(folder: Path, damage: m.Damage) -> None:
    """A good small data set, then damaged."""
    x = np.arange(60 * 64, dtype=np.uint8).reshape(60, 8, 8)
    y = np.arange(60) % 10
    out = io.BytesIO()
    np.savez(out, x_train=x[:50], y_train=y[:50], x_test=x[50:], y_test=y[50:])
    (folder / "images.npz").write_bytes(damage(out.getvalue()))


def cifar(folder: Path, damage: m.Damage) -> None:
    place = folder / "cifar-10-batches-py"
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        pickling.write(place / name, pickling.rows(20, 10))
    (place / "data_batch_3").write_bytes(damage((place / "data_batch_3").read_bytes()))


def imagenet32(folder: Path, damage: m.Damage) -> None:
    pickling.write_imagenet32(folder)
    (folder / "train_data_batch_7").write_bytes(
        damage((folder / "train_data_batch_7").read_bytes())
    )


def pickled(content: object) -> m.Damage:
    return m.only(pickle.dumps(content, 2))


Make = Callable[[Path, m.Damage], None]
IMAGES: dict[str, tuple[str, Make, m.Damage, str]] = {
    "npz: cut in two": ("images", npz, m.cut(0.5), "images.npz: not a readable .npz"),
    "npz: no zip": ("images", npz, m.only(b"hello"), "images.npz"),
    "npz: one plain array": ("images", npz, m.only(_npy(np.ones(3))), "one plain array"),
    "npz: an object": (
        "images",
        npz,
        m.array("y_train", lambda y: np.array([m.Bomb()], object)),
        "y_train cannot be read",
    ),
    "npz: a number with a point": ("images", npz, m.array("x_train", lambda x: x / 1), "float64"),
    "npz: no number": ("images", npz, m.array("x_test", lambda x: x * NAN), "x_test"),
    "npz: 20 TB": (
        "images",
        npz,
        m.says_shape("x_train", "(200000000000, 10, 10)"),
        "x_train cannot be read",
    ),
    "npz: a negative shape": ("images", npz, m.says_shape("x_train", "(-1, 8)"), "x_train"),
    "npz: labels from 1": ("images", npz, m.array("y_train", lambda y: y + 1), "class 0"),
    "npz: no labels": ("images", npz, m.arrays(lambda a: m.without(a, "y_test")), "y_test"),
    "cifar10: cut in two": ("cifar10", cifar, m.cut(0.5), "data_batch_3: not a readable pickle"),
    "cifar10: empty": ("cifar10", cifar, m.only(b""), "data_batch_3: not a readable pickle"),
    "cifar10: code": ("cifar10", cifar, m.only(pickle.dumps({"a": m.Bomb()}, 2)), "nothing of it"),
    "cifar10: a list": ("cifar10", cifar, pickled([1]), "hold a dict"),
    "cifar10: text for images": ("cifar10", cifar, pickled({"data": "x", "labels": [0]}), "data"),
    "cifar10: label 10": (
        "cifar10",
        cifar,
        pickled(pickling.rows(20, 10) | {"labels": [10] * 20}),
        "labels go from 10",
    ),
    "cifar10: too few labels": (
        "cifar10",
        cifar,
        pickled(pickling.rows(20, 10) | {"labels": [1]}),
        "1 labels",
    ),
    "imagenet32: cut in two": ("imagenet32", imagenet32, m.cut(0.5), "train_data_batch_7"),
    "imagenet32: other instructions": (
        "imagenet32",
        imagenet32,
        m.only(b"\x80\x03cos\nsystem\n(X\x04\x00\x00\x00true\x85R."),
        "os.system",
    ),
    "imagenet32: of 64 pixels": (
        "imagenet32",
        imagenet32,
        pickled({"data": np.zeros((4, 12288), np.uint8), "labels": [1] * 4}),
        "32 x 32",
    ),
    "imagenet32: labels from 0": (
        "imagenet32",
        imagenet32,
        pickled(pickling.rows(4, 4)),
        "counts from 1",
    ),
}


@pytest.mark.parametrize("case", IMAGES)
def test_images_that_cannot_be_used(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source, make, damage, part = IMAGES[case]
    (tmp_path / "data").mkdir()
    make(tmp_path / "data", damage)
    config = tmp_path / "bad.yaml"
    place = f"source: {source}, data_dir: {tmp_path / 'data'}"
    own = f"{{{place}, images_train: null, images_test: null}}"
    config.write_text(f"extends: {TINY}\nname: bad\ndatasets: {{digits: {own}}}\n")
    refused(zowarmup("run", config, "--results", tmp_path / "results"), part)
    assert not [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
