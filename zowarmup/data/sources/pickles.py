"""Pickles of numbers, text, lists, dicts and numpy arrays, read without running their code.

A pickle is a program, and `pickle.load` calls every function that the program names. The reader
below looks up only the names with which numpy writes arrays ("Restricting Globals" in the
documentation of `pickle`). These names stand for classes of this module, because numpy's own
classes trust the memory layout in a file, where a damaged byte can end the process.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from zowarmup.data import file_kinds
from zowarmup.data.arrays import DataError

PLAIN = re.compile(r"[biuf][0-9]{1,2}")  # truth values, integers and floats with their size
LONGEST_DETAIL = 120  # characters of an error's cause, which may quote a whole damaged file


class NumberType:
    """A number type; the file gives the byte order later."""

    def __init__(self, name: str | bytes, *_: object) -> None:
        text = name.decode() if isinstance(name, bytes) else name
        if not PLAIN.fullmatch(text):
            raise ValueError(f"an array of {text[:20]!r}, not of numbers")
        self.dtype = np.dtype(text)

    def __setstate__(self, state: Any) -> None:
        order: Any = state[1].decode() if isinstance(state[1], bytes) else state[1]
        self.dtype = self.dtype.newbyteorder(order)


class Array:
    """An array; the file gives (version, shape, type, whether in Fortran's order, bytes) later."""

    def __init__(self, *_: object) -> None:
        self.numbers: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.numbers = _numbers(data, kind, shape, "F" if fortran else "C").numbers


def _numbers(data: Any, kind: NumberType, shape: Any, order: Any, *_: object) -> Array:
    array = Array()
    array.numbers = np.frombuffer(data, kind.dtype).reshape(shape, order=order)
    return array


# The names as numpy 2 and Python 3 write them, and the objects that replace them.
ALLOWED = {
    "numpy.ndarray": None,  # only an argument of `_reconstruct`
    "numpy._core.multiarray._reconstruct": Array,
    "numpy._core.multiarray.scalar": lambda kind, data: np.frombuffer(data, kind.dtype)[0].item(),
    "numpy._core.numeric._frombuffer": _numbers,
    "numpy.dtype": NumberType,
    "_codecs.encode": lambda text, _: text.encode("latin-1"),  # bytes, in protocols 0 to 2
    "builtins.bytes": lambda: b"",
}
OLD = {"numpy.core": "numpy._core", "__builtin__": "builtins"}


class NumpyUnpickler(pickle.Unpickler):
    """Python's reader of pickles, limited to the names in ALLOWED."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the object that replaces a name of ALLOWED.

        Raises:
            UnpicklingError: the name is not in ALLOWED, so it does not stand for data.
        """
        for old, new in OLD.items():
            module = module.replace(old, new)
        if f"{module}.{name}" not in ALLOWED:
            asked = f"{module}.{name}"[: LONGEST_DETAIL // 2]
            raise pickle.UnpicklingError(f"it asks for {asked}, but nothing of it was run")
        return ALLOWED[f"{module}.{name}"]


def _plain(value: Any) -> Any:
    """Return the content of a pickle with keys as str and with numpy's arrays."""
    if isinstance(value, dict):
        keys = (key.decode("latin-1") if isinstance(key, bytes) else key for key in value)
        return dict(zip(keys, map(_plain, value.values()), strict=True))
    return value.numbers if isinstance(value, Array) else value


def read_pickle(path: Path) -> Any:
    """Return the content of a pickle: numbers, text, None, lists, tuples, dicts and arrays.

    Protocols 0 to 5 are read, from Python 2 and 3 and any numpy. Keys are str; other text from
    Python 2 is bytes. The arrays may be read-only.

    Raises:
        DataError: the file is missing, truncated or damaged, or asks for a name not in ALLOWED.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put the data set there or change data_dir")
    try:
        with path.open("rb") as file:
            return _plain(NumpyUnpickler(file, encoding="bytes").load())
    # A damaged pickle can ask for anything and so raise any error; all mean the same.
    except Exception as error:
        detail = ascii(str(error) or type(error).__name__)[1:-1][:LONGEST_DETAIL]
        kind = file_kinds.instead(path, file_kinds.PICKLE)
        fault = f"but {kind}" if kind else f"({detail}); {file_kinds.AGAIN}"
        raise DataError(f"{path}: not a readable pickle of numbers and text {fault}") from error
