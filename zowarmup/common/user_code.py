"""Python files of a user, beside a config: a network, data or a method of one's own.

The package imports such a file by its path. An error inside of it becomes one sentence that shows
the line of the user's file and nothing of the package.
"""

import ast
import hashlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from zowarmup.common.code_digest import parse, with_imports
from zowarmup.common.errors import UserError, cause, explain

PREFIX = "zowarmup_user_"  # of the names of modules that are imported from a user's files
LOADED: set[Path] = set()  # every file of a user that this process has imported


def attribute(file: Path | str, name: str) -> Any:
    """Import a file, and return one of its functions or classes.

    Raises:
        UserError: the file is missing or fails, or has nothing of this name.
    """
    module = _module(Path(file))
    if not hasattr(module, name):
        names = ", ".join(sorted(names_in(file))) or "none"
        raise UserError(f"{file}: has no {name}; define it there, or name one of: {names}")
    return getattr(module, name)


@contextmanager
def running(file: Path | str) -> Iterator[None]:
    """Turn an error inside a user's file into a sentence.

    Raises:
        UserError: names the file, the line and the cause.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise UserError(_in_user_code(error) or f"{file}: {cause(error)}; correct it") from error


def explained(error: BaseException) -> str | None:
    """Return a sentence for an error that the user can fix, also in the user's own code."""
    return explain(error) or _in_user_code(error)


def names_in(file: Path | str) -> set[str]:
    """The names that a file defines or imports at its top level, without running it.

    Raises:
        UserError: the file is missing, or is not Python.
    """
    names = set()
    for node in tree(file).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def parameters(
    name: str, function: Callable[..., Any], positional: Mapping[str, Any], keys: Mapping[str, Any]
) -> set[str]:
    """Return the names of a function's parameters; none for one that does not say what it takes.

    Args:
        name: the function in messages.
        positional, keys: the arguments that it will be called with; the positional ones by what
            they are, in words.

    Raises:
        UserError: it does not take these arguments.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # as some compiled functions
        return set()
    try:
        signature.bind(*positional.values(), **keys)
    except TypeError as error:
        given = ", ".join([*positional, *keys]) or "nothing"
        raise UserError(
            f"{name}: {error}; it is called with {given}, but takes {signature}"
        ) from None
    return set(signature.parameters)


def files_of(file: Path | str) -> tuple[Path, ...]:
    """Return a file, then the files beside it that it imports, directly or not; sorted.

    Raises:
        UserError: one of them is missing, or is not Python.
    """
    with _readable(file):
        return with_imports(Path(file))


def tree(file: Path | str) -> ast.Module:
    """The syntax tree of a user's file, which may change while this process runs.

    Raises:
        UserError: the file is missing, or is not Python.
    """
    with _readable(file):
        return parse(Path(file))


@contextmanager
def _readable(file: Path | str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A checkpoint names a file relative to the folder in which the job ran.
        folder = "" if Path(file).is_absolute() else f" in {Path.cwd()}"
        raise UserError(
            f"{file}: {error.strerror}{folder}; put it there, or give the path of a Python file"
        ) from None
    except SyntaxError as error:
        place, line = f"{error.filename}, line {error.lineno}", (error.text or "").strip()
        raise UserError(f"{place}: {line!r}: {error.msg}; correct it") from None
    except ValueError as error:
        raise UserError(f"{file}: is no Python text ({cause(error)}); give another file") from None


def _module(file: Path) -> ModuleType:
    """Import a file; a file that changed since is imported anew, with what lies beside it."""
    files = files_of(file)
    text = b"".join(str(one.resolve()).encode() + one.read_bytes() for one in files)
    name = f"{PREFIX}{file.stem}_{hashlib.sha256(text).hexdigest()[:12]}"
    if name not in sys.modules:
        _forget(files, file.parent)
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None  # the ending is .py
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)  # dataclasses look there
        LOADED.update(one.resolve() for one in files)
        folder = str(file.parent.resolve())  # first, as when Python runs the file
        sys.path[:] = [folder, *(path for path in sys.path if path != folder)]
        try:
            with running(file):
                spec.loader.exec_module(sys.modules[name])
        except UserError:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _forget(files: tuple[Path, ...], folder: Path) -> None:
    """Drop modules of users' files that are these files or have the names of these files."""
    names = {".".join(file.relative_to(folder).with_suffix("").parts) for file in files}
    names |= {name.removesuffix(".__init__") for name in names}
    these, users = {file.resolve() for file in files}, {file.name for file in LOADED}
    for name, module in list(sys.modules.items()):
        path = Path(getattr(module, "__file__", None) or "")
        path = path.resolve() if path.name in users else path  # resolving every path takes long
        if path in LOADED and (name in names or path in these):
            del sys.modules[name]


def _in_user_code(error: BaseException) -> str | None:
    """A sentence with the last line of a user's file that an error passed; None without one."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).resolve() in LOADED:
            place = f"{_short(frame.filename)}, line {frame.lineno}, in {frame.name}"
            return f"{place}: {frame.line!r}: {cause(error)}; correct it"
    return None


def _short(file: str) -> str:
    """A path as the user would type it: relative where it lies below the current folder."""
    path, folder = Path(file).resolve(), Path.cwd().resolve()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
