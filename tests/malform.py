"""Ways to damage each kind of file, as a disk, a person or another program would."""

import copy
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np

from zowarmup.data import federation

Damage = Callable[[bytes], bytes]
GONE = object()  # in place of a value: the key itself is taken away


def cut(share: float) -> Damage:
    """Only the first part."""
    return lambda data: data[: int(share * len(data))]


def only(data: bytes) -> Damage:
    """Something else altogether."""
    return lambda _: data


def flipped(at: float) -> Damage:
    """One byte inverted."""

    def damage(data: bytes) -> bytes:
        i = int(at * len(data))
        return data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :]

    return damage


def put(value: Any, key: str, new: Any) -> Any:
    """A copy with the value at `a.0.b` replaced, or taken away."""
    if not key:
        return new
    changed = copy.deepcopy(value)
    *path, last = key.split(".")
    inner = changed
    for part in path:
        inner = inner[int(part) if isinstance(inner, list) else part]
    last = int(last) if isinstance(inner, list) else last
    if new is GONE:
        del inner[last]
    else:
        inner[last] = new
    return changed


def keys(value: Any, above: str = "") -> Iterator[str]:
    """All that `put` takes; of a list the first two alone."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for key, inner in pairs:
        if "." in str(key):
            continue
        name = f"{above}.{key}" if above else str(key)
        yield name
        if isinstance(inner, dict | list):
            yield from keys(inner, name)


def field(key: str, new: Any) -> Damage:
    """A JSON file with another value."""
    return lambda data: json.dumps(put(json.loads(data), key, new)).encode()


def sealed_field(key: str, new: Any) -> Damage:
    """The same, sealed anew, as who means harm would."""

    def damage(data: bytes) -> bytes:
        fields = put(json.loads(data), key, new)
        fields.pop("sha256", None)
        return federation.sealed(fields).encode()

    return damage


def record(line: int, key: str, new: Any) -> Damage:
    """A journal with another value in a line, whose checksum is right."""

    def damage(data: bytes) -> bytes:
        lines = data.splitlines(keepends=True)
        changed = put(json.loads(lines[line])["record"], key, new)
        text = json.dumps(changed, sort_keys=True, separators=(",", ":"))
        lines[line] = f'{{"crc32":{zlib.crc32(text.encode())},"record":{text}}}\n'.encode()
        return b"".join(lines)

    return damage


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    """A text with other lines."""
    return lambda data: b"".join(change(data.splitlines(keepends=True)))


def cell(row: int, column: str, new: str) -> Damage:
    """A table with another value; row 0 is the first below the names."""

    def damage(data: bytes) -> bytes:
        table = [line.split(",") for line in data.decode().splitlines()]
        table[row + 1][table[0].index(column)] = new
        return "".join(",".join(line) + "\n" for line in table).encode()

    return damage


# --- checkpoints ----------------------------------------------------------------------------


def header(change: Callable[[dict[str, Any]], Any]) -> Damage:
    """A safetensors file whose header is changed, and its length with it."""

    def damage(data: bytes) -> bytes:
        end = 8 + struct.unpack("<Q", data[:8])[0]
        text = json.dumps(change(json.loads(data[8:end]))).encode()
        return struct.pack("<Q", len(text)) + text + data[end:]

    return damage


def of_header(key: str, new: Any) -> Damage:
    """One value of the header; "3/bias.dtype" is that of the parameter 3.bias."""
    name, _, rest = key.partition(".")
    name = name.replace("/", ".")
    return header(lambda said: said | {name: put(said[name], rest, new)})


def facts(key: str, new: Any) -> Damage:
    """One value of what the checkpoint says about itself."""
    return facts_text(lambda text: json.dumps(put(json.loads(text), key, new)))


def facts_text(change: Callable[[str], str]) -> Damage:
    """The whole text of that."""
    return header(
        lambda said: said | {"__metadata__": {"zowarmup": change(said["__metadata__"]["zowarmup"])}}
    )


def length(count: int) -> Damage:
    """A header that says to be so long."""
    return lambda data: struct.pack("<Q", count) + data[8:]


class Bomb:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (66,)


# --- arrays ---------------------------------------------------------------------------------

Arrays = dict[str, np.ndarray]


def arrays(change: Callable[[Arrays], Arrays]) -> Damage:
    """An .npz with other arrays."""

    def damage(data: bytes) -> bytes:
        out = BytesIO()
        np.savez(out, allow_pickle=True, **change(dict(np.load(BytesIO(data)))))
        return out.getvalue()

    return damage


def without(arrays: Arrays, name: str) -> Arrays:
    """All but one of them."""
    return {key: array for key, array in arrays.items() if key != name}


def array(name: str, change: Callable[[np.ndarray], Any]) -> Damage:
    """One of them."""
    return arrays(lambda found: found | {name: change(found[name])})


def says_shape(name: str, shape: str) -> Damage:
    """An array that says to be of a shape that its few bytes are not."""

    def damage(data: bytes) -> bytes:
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode()
        text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
        member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(100)
        out = BytesIO()
        with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
            for entry in old.namelist():
                new.writestr(entry, member if entry == f"{name}.npy" else old.read(entry))
        return out.getvalue()

    return damage
