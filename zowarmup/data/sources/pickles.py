"""Pickles of numbers, text, lists, dicts and numpy arrays, read without running their code.

A pickle is a program, and `pickle.load` calls whatever function it names. The reader below looks up
no names but those with which numpy writes arrays ("Restricting Globals" in the documentation of
`pickle`). They stand for classes of this module, since numpy's own trust the memory layout that a
file describes: a damaged byte in it ends the process.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.data import file_kinds
from zowarmup.data.arrays import DataError

PLAIN = re.compile(r"[biuf][0-9]{1,2}")  # truth values, integers and floats by their bytes
LONGEST_DETAIL = 120  # characters of an error's cause; a damaged file may quote all of itself


class NumberType:
    """A number type, of which the file gives the byte order afterwards."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        text = name.decode() if isinstance(name, bytes) else name
        if not PLAIN.fullmatch(text):
            raise ValueError(f"an array of {text[:20]!r}, not of numbers")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        order: Any = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.dtype = self.dtype.newbyteorder(order)


class Array:
    """An array, of which the file gives (version, shape, type, in Fortran's order, bytes) later."""

    def __init__(self, *_: object) -> None:
        self.numbers: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.numbers = _numbers(data, kind, shape, "F" if fortran else "C").numbers


def _numbers(data: Any, kind: NumberType, shape: Any, order: Any, *_: object) -> Array:
    array = Array()
    array.numbers = np.frombuffer(data, kind.dtype).reshape(shape, order=order)
    return array


# The names as numpy 2 and Python 3 write them, and what stands for them.
ALLOWED = {
    "numpy.ndarray": None,  # an argument of the next one alone
    "numpy._core.multiarray._reconstruct": Array,
    "numpy._core.multiarray.scalar": lambda kind, data: np.frombuffer(data, kind.dtype)[0].item(),
    "numpy._core.numeric._frombuffer": _numbers,
    "numpy.dtype": NumberType,
    "_codecs.encode": lambda text, _: text.encode("latin-1"),  # bytes, in protocols 0 to 2
    "builtins.bytes": lambda: b"",
}
OLD = {"numpy.core": "numpy._core", "__builtin__": "builtins"}


class NumpyUnpickler(pickle.Unpickler):
    """Python's reader of pickles, for which a file can name nothing but ALLOWED."""

    def find_class(self, module: str, name: str) -> Any:
        """The class or function that stands for a name.

        Raises:
            UnpicklingError: any other name, which is not that of data.
        """
        for old, new in OLD.items():
            module = module.replace(old, new)
        if f"{module}.{name}" not in ALLOWED:
            asked = f"{module}.{name}"[: LONGEST_DETAIL // 2]
            raise pickle.UnpicklingError(f"it asks for {asked}, but nothing of it was run")
        return ALLOWED[f"{module}.{name}"]


def _plain(value: Any) -> Any:
    """The content of a pickle with keys of Python 3, and arrays of numpy."""
    if isinstance(value, dict):
        keys = (key.decode("latin-1") if isinstance(key, bytes) else key for key in value)
        return dict(zip(keys, map(_plain, value.values()), strict=True))
    return value.numbers if isinstance(value, Array) else value


def read_pickle(path: Path) -> Any:
    """The content of a pickle: numbers, text, None, lists, tuples, dicts, arrays of numbers.

    Protocols 0 to 5, as Python 2 and 3 and old and new numpy write them. Keys are str, other text
    of Python 2 is bytes. The arrays may be read-only.

    Raises:
        DataError: no such file, truncated or damaged, or it asks for a name that is not of data.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put the data set there or change data_dir")
    try:
        with path.open("rb") as file:
            return _plain(NumpyUnpickler(file, encoding="bytes").load())
    # A damaged program can ask for anything, so anything can go wrong; all mean the same.
    except Exception as error:
        detail = ascii(str(error) or type(error).__name__)[1:-1][:LONGEST_DETAIL]
        kind = file_kinds.instead(path, file_kinds.PICKLE)
        fault = f"but {kind}" if kind else f"({detail}); {file_kinds.AGAIN}"
        raise DataError(f"{path}: not a readable pickle of numbers and text {fault}") from error
