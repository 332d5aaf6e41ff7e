"""What pickles of numpy call, in words of our own: arrays and scalars of plain numbers.

numpy's own functions trust the state that a file gives them, down to the layout of memory; here
every array is made by `numpy.frombuffer` from checked bytes, shape and type.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PLAIN = re.compile(r"[biuf][0-9]{1,2}")  # truth values, integers and floats by their bytes


@dataclass(eq=False)
class Unbuilt:
    """An array or number type that was announced and whose contents the file gives next.

    Attributes:
        build: makes it of the contents.
        keys: where the program noted it.
    """

    build: Callable[[Any], Any]
    keys: list[int] = field(default_factory=list)


def dtype(name: str | bytes, *_: object) -> Unbuilt:
    """A number type such as "u1"; its contents are (version, byte order, ...)."""
    text = _text(name)
    if not PLAIN.fullmatch(text):
        raise ValueError(f"an array of {text[:20]!r}, not of numbers")
    return Unbuilt(lambda state: np.dtype(text).newbyteorder(_order(state[1])))


def _order(order: str | bytes) -> Any:
    if _text(order) not in set("<>|="):
        raise ValueError("an unknown byte order")
    return _text(order)


def array(*_: object) -> Unbuilt:
    """An array; its contents are (version, shape, dtype, in Fortran's order, bytes)."""
    return Unbuilt(lambda state: _array(state[-1], *state[-3:-5:-1], fortran=state[-2]))


def from_buffer(data: bytes, kind: np.dtype, shape: tuple[int, ...], order: str, *_: Any) -> Any:
    """An array, as protocol 5 gives it."""
    return _array(data, kind, shape, fortran=order == "F")


def _array(data: Any, kind: Any, shape: Any, *, fortran: bool) -> np.ndarray:
    # Without its contents `kind` is no type yet, and a list would be Python objects.
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, np.dtype):
        raise ValueError("an array that does not hold plain numbers")
    if type(shape) is not tuple or any(type(n) is not int or n < 0 for n in shape):
        raise ValueError("an array without a shape")
    return np.frombuffer(data, kind).reshape(shape, order="F" if fortran else "C")


def scalar(kind: np.dtype, data: bytes) -> Any:
    """A single number."""
    return _array(data, kind, (1,), fortran=False)[0].item()


def encode(text: str, encoding: str) -> bytes:
    """Bytes, as Python 3 writes them for Python 2 to read."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin-1")


def _text(text: str | bytes) -> str:
    if type(text) is bytes:
        return text.decode("latin-1")
    # A list that holds itself many times over is short in a file, and endless as text.
    if type(text) is not str:
        raise ValueError("the name of a number type is no text")
    return text


CALLS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": dtype,
    "numpy.core.multiarray._reconstruct": array,
    "numpy.core.multiarray.scalar": scalar,
    "numpy.core.numeric._frombuffer": from_buffer,
    "_codecs.encode": encode,
    "__builtin__.bytes": lambda: b"",  # with an argument it is no data
}
NAMES = {*CALLS, "numpy.ndarray"}  # the class is only an argument
