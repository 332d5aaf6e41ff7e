"""Pickles of numbers, text, lists, dicts and numpy arrays, read without running them.

A pickle is a program, and `pickle.load` calls whatever function it names. Here `pickle_machine`
steps through the same program and calls nothing that comes from the file. Protocols 0 to 5 are
read, as Python 2 and 3 and old and new numpy write them.
"""

import codecs
import pickletools
from pathlib import Path
from typing import Any, BinaryIO

from zowarmup.data import file_kinds
from zowarmup.data.arrays import DataError
from zowarmup.data.sources.pickle_machine import MAKES, MOVES, Forbidden, Machine

WORDS = {word.code: word for word in pickletools.opcodes}
LONGEST_DETAIL = 120  # characters of an error's cause; a damaged file may quote all of itself


def read_pickle(path: Path) -> Any:
    """What a pickle holds: numbers, text, bytes, None, lists, tuples, dicts, arrays of numbers.

    Keys of dicts are str whether Python 2 or 3 wrote them; other text of Python 2 is bytes. The
    arrays may be read-only.

    Raises:
        DataError: no such file; "asks for NAME": the pickle holds or would run something else than
            data, of which nothing was run; "not a readable pickle": truncated or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; put the data set there or change data_dir")
    try:
        with path.open("rb") as file:
            return _run(file)
    # A damaged program can ask for anything, so anything can go wrong; all mean the same.
    except Exception as error:
        raise DataError(f"{path}: {_fault(path, error)}") from error


def _fault(path: Path, error: Exception) -> str:
    if what := file_kinds.instead(path, file_kinds.PICKLE):
        return f"not a readable pickle of numbers and text but {what}"
    if isinstance(error, Forbidden):
        return (
            f"{_detail(error)}, but a data file holds only numbers, text, lists, dicts and arrays "
            "of numbers; nothing of it was run, get the file from its owner"
        )
    return f"not a readable pickle of numbers and text ({_detail(error)}); {file_kinds.AGAIN}"


def _detail(error: Exception) -> str:
    return ascii(str(error) or type(error).__name__)[1:-1][:LONGEST_DETAIL]


def _run(file: BinaryIO) -> Any:
    machine = Machine()
    while code := file.read(1):
        word = WORDS.get(code.decode("latin-1"))
        if word is None:
            raise ValueError(f"byte {file.tell() - 1} is no instruction of a pickle")
        if word.name == "STOP":
            return machine.stack.pop()
        argument = _argument(word, file)
        if make := MAKES.get(word.name):
            value = make(machine, argument)  # before the stack is looked at, which it may replace
            machine.stack.append(value)
        elif move := MOVES.get(word.name):
            move(machine, argument)
        else:
            raise Forbidden(f"it asks for the instruction {word.name}")
    raise ValueError("it ends before its last instruction")


def _argument(word: pickletools.OpcodeInfo, file: BinaryIO) -> Any:
    """What follows an instruction in the file."""
    if word.name == "STRING":  # whose reader in the standard library knows ASCII alone
        return codecs.escape_decode(file.readline().strip()[1:-1])[0]
    return word.arg and word.arg.reader(file)
