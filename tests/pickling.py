"""Small files of the formats that CIFAR and ImageNet32 come in."""

import pickle
import struct
from pathlib import Path

import numpy as np

from zowarmup.data.draws import generator


def rows(n: int, classes: int, first: int = 0) -> dict[str, object]:
    """`n` random rows of 3072 bytes with labels that count from `first`, as files hold them."""
    data = generator("test rows", n, classes).integers(0, 256, (n, 3072)).astype(np.uint8)
    return {"data": data, "labels": [first + i % classes for i in range(n)]}


def write(path: Path, content: object, protocol: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol))


def write_imagenet32(folder: Path, images: int = 4, test: int = 8, classes: int = 4) -> None:
    """All eleven files; the training batches also have a mean, as the official ones do."""
    for i in range(1, 11):
        batch = rows(images, classes, first=1) | {"mean": np.full(3072, 120.5)}
        write(folder / f"train_data_batch_{i}", batch, protocol=3)
    write(folder / "val_data", rows(test, classes, first=1), protocol=3)


def python2(content: dict[str, object]) -> bytes:
    """The pickle that Python 2 with an old numpy writes of arrays, lists of int and text.

    Written out by hand, because no Python 3 writes text as bytes and these names of modules.
    """
    return b"\x80\x02}(" + b"".join(_text(k) + _value(v) for k, v in content.items()) + b"u."


def _text(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def _value(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        kind = b"cnumpy\ndtype\n(" + _text(value.dtype.str[1:]) + b"K\x00K\x01tR"
        kind += (
            b"(K\x03" + _text(value.dtype.str[0]) + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        shape = b"(" + b"".join(map(_integer, value.shape)) + b"t"
        data = b"T" + struct.pack("<i", value.nbytes) + value.tobytes()
        empty = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        return empty + b"(K\x01" + shape + kind + b"\x89" + data + b"tb"
    if isinstance(value, list):
        return b"](" + b"".join(map(_integer, value)) + b"e"
    return _text(str(value))


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)
