"""The instructions of a pickle, those that data need; see `pickles`.

The names of functions in a file stand for functions of `pickled_numpy`. Every other name or
instruction is refused, so that no object is ever made, called or changed but those made here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zowarmup.data.sources.pickled_numpy import CALLS, NAMES, Unbuilt


class Forbidden(ValueError):
    """The file asks for something that is not data."""


@dataclass(frozen=True)
class Name:
    """A function or class that the file names; nothing that can be called."""

    text: str


class Machine:
    """The state of the program.

    Attributes:
        stack: values since the last mark.
        below: what was on the stack at each mark that is open.
        memo: values that the program may come back to.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def take(self, count: int) -> list[Any]:
        """Remove the upper `count` values."""
        start = len(self.stack) - count
        if start < 0:
            raise ValueError("it takes a value that it did not make")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    def take_to_mark(self) -> list[Any]:
        """Remove all values since the last mark, and the mark."""
        taken, self.stack = self.stack, self.below.pop()
        return taken

    def mark(self) -> None:
        """Set a mark."""
        self.below.append(self.stack)
        self.stack = []

    def remember(self, key: int) -> None:
        """Note the upper value."""
        self.memo[key] = value = self.stack[-1]
        if isinstance(value, Unbuilt):
            value.keys.append(key)

    def call(self) -> Any:
        """What a function that the file named makes of its arguments."""
        function, arguments = self.take(2)
        if type(function) is not Name or function.text not in CALLS or type(arguments) is not tuple:
            raise Forbidden("it asks to call what cannot be called")
        return CALLS[function.text](*arguments)

    def build(self) -> Any:
        """The array or number type on top with its contents, also wherever the file noted it."""
        unbuilt, state = self.take(2)
        if not isinstance(unbuilt, Unbuilt):
            raise Forbidden("it asks to change what cannot be changed")
        value = unbuilt.build(state)
        self.memo |= dict.fromkeys(unbuilt.keys, value)
        return value

    def extend(self, items: list[Any]) -> None:
        """Put items into the list on top."""
        if type(self.stack[-1]) is not list:
            raise ValueError("it appends to something that is no list")
        self.stack[-1].extend(items)

    def update(self, items: list[Any]) -> None:
        """Put keys and values, in turn, into the dict on top."""
        if type(self.stack[-1]) is not dict:
            raise ValueError("it adds a key to something that is no dict")
        self.stack[-1].update(as_dict(items))


def as_dict(items: list[Any]) -> dict[str, Any]:
    """The dict of keys and values in turn; its keys are text, of Python 2 or 3."""
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _key(key: Any) -> str:
    if type(key) is bytes:
        return key.decode("latin-1")
    # Others may be nested so deeply that their hash exceeds the stack of the process.
    if type(key) is not str:
        raise ValueError("a key of a dict is no text")
    return key


def named(module: str, name: str) -> Name:
    """What stands for a function or class of the file.

    Raises:
        Forbidden: data have no need of it.
    """
    # Two modules have other names since numpy 2 and Python 3.
    full = ".".join((module, name)).replace("numpy._core.", "numpy.core.")
    full = full.replace("builtins.", "__builtin__.")
    if full not in NAMES:
        raise Forbidden(f"it asks for {full}")
    return Name(full)


# Instructions that put a value on the stack.
Make = Callable[[Machine, Any], Any]
MAKES: dict[str, Make] = {
    "NONE": lambda m, _: None,
    "NEWTRUE": lambda m, _: True,
    "NEWFALSE": lambda m, _: False,
    "EMPTY_LIST": lambda m, _: [],
    "EMPTY_DICT": lambda m, _: {},
    "EMPTY_TUPLE": lambda m, _: (),
    "LIST": lambda m, _: m.take_to_mark(),
    "DICT": lambda m, _: as_dict(m.take_to_mark()),
    "TUPLE": lambda m, _: tuple(m.take_to_mark()),
    "TUPLE1": lambda m, _: tuple(m.take(1)),
    "TUPLE2": lambda m, _: tuple(m.take(2)),
    "TUPLE3": lambda m, _: tuple(m.take(3)),
    "DUP": lambda m, _: m.stack[-1],
    "GLOBAL": lambda m, names: named(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: named(*m.take(2)),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
}
NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT")
TEXTS = ("STRING", "UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
BYTES = ("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8")
MAKES |= dict.fromkeys((*NUMBERS, *TEXTS, *BYTES), lambda m, value: value)
# Bytes of Python 2, which the standard library reads as Latin-1.
MAKES |= dict.fromkeys(("BINSTRING", "SHORT_BINSTRING"), lambda m, text: text.encode("latin-1"))
MAKES |= dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, key: m.memo[key])

# Instructions that do not.
MOVES: dict[str, Callable[[Machine, Any], None]] = {
    "PROTO": lambda m, _: None,
    "FRAME": lambda m, _: None,
    "MARK": lambda m, _: m.mark(),
    "POP": lambda m, _: (m.take(1) if m.stack else m.take_to_mark()).clear(),
    "POP_MARK": lambda m, _: m.take_to_mark().clear(),
    "MEMOIZE": lambda m, _: m.remember(len(m.memo)),
    "APPEND": lambda m, _: m.extend(m.take(1)),
    "APPENDS": lambda m, _: m.extend(m.take_to_mark()),
    "SETITEM": lambda m, _: m.update(m.take(2)),
    "SETITEMS": lambda m, _: m.update(m.take_to_mark()),
}
MOVES |= dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, key: m.remember(key))
