"""The code that made a result: a digest of the modules that a run executes, blind to prose.

Two versions of a module have the same digest if they differ only in comments, docstrings and
layout. The digest is taken over the syntax tree, without empty fields: the fields that newer Python
versions add are empty in code that older versions can read, so all versions agree. This module
needs only the standard library, so that any interpreter can check a digest.

The files of a user count like modules, with what they import from beside themselves and from here.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "zowarmup"

# They hold only names and defaults; the values that a run takes from them are in its params.
TABLES = tuple(f"{PACKAGE}.config.{name}" for name in ("registry", "tables_and_figures", "phase"))
ROOT = Path(__file__).parents[1]


def code_digest(modules: Iterable[str], *scripts: str | Path) -> str:
    """Return a digest (16 digits) of scripts, modules and all modules of zowarmup they import.

    Args:
        modules: dotted names, e.g. "zowarmup.algorithms.zo", or paths of a user's files.
        scripts: files outside the package.
    """
    files, given = [Path(script) for script in scripts], set(modules)
    own = {name for name in given if name.endswith(".py")}
    trees = [parse(file) for name in sorted(own) for file in with_imports(Path(name))]
    imported = [_imports(file) for file in files] + [imports(tree) for tree in trees]
    names = _closure((given - own).union(*imported))
    parts = [_text(file) for file in files] + [f"{n}={_text(_file(n))}" for n in sorted(names)]
    parts += map(_plain, trees)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _closure(names: set[str]) -> set[str]:
    done: set[str] = set()
    while new := {name for name in names if _counts(name)} - done:
        done |= new
        names = {name for module in new for name in _imports(_file(module))}
    return done


@cache
def _counts(name: str) -> bool:
    """Return whether a name is a module with code; an `__init__` holds only a docstring."""
    return name.startswith(f"{PACKAGE}.") and name not in TABLES and _file(name).is_file()


def _file(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")


@cache
def _imports(file: Path) -> set[str]:
    return imports(_tree(file))


def imports(tree: ast.Module) -> set[str]:
    """The names of the modules that a file imports, and of what it takes from them."""
    return {name for node in ast.walk(tree) for name in _modules(node)}


def _modules(node: ast.AST) -> set[str]:
    """The names in a statement that may be modules; those of a relative import without dots."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()


def with_imports(file: Path) -> tuple[Path, ...]:
    """Return a user's file, then the files beside it that it imports, directly or not; sorted."""
    every: set[Path] = set()
    new = {file}
    while new:
        every |= new
        new = {path for one in new for path in _beside(one, file.parent)} - every
    return (file, *sorted(every - {file}))


def _beside(file: Path, folder: Path) -> list[Path]:
    """The files in the folder that a file imports, those of the packages around them too."""
    paths = []
    for node in ast.walk(parse(file)):
        level = node.level if isinstance(node, ast.ImportFrom) else 0
        base = file.parents[level - 1] if 0 < level <= len(file.parents) else folder
        for name in _modules(node):
            parts = name.split(".")
            paths += [base.joinpath(*parts[: n + 1]) for n in range(len(parts))]
    files = [one for path in paths for one in (Path(f"{path}.py"), path / "__init__.py")]
    return [one for one in files if one.is_file()]


@cache
def _text(file: Path) -> str:
    """Return a file's code as text, for the module `template` with all template files."""
    templates = sorted(file.parent.glob("templates/*")) if file.stem == "template" else []
    return _plain(_tree(file)) + "".join(one.read_text(encoding="utf-8") for one in templates)


@cache
def _tree(file: Path) -> ast.Module:
    return parse(file)


def parse(file: Path) -> ast.Module:
    """The syntax tree of a file as it is now."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def _plain(node: Any) -> str:
    """A syntax tree as text: class names and non-empty fields."""
    if isinstance(node, list):
        return "[" + ",".join(_plain(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        docstring = ast.get_docstring(node, clean=False) is not None
        fields = [(n, v[1:] if n == "body" and docstring else v) for n, v in fields]
    # the value of a Constant may be None, which is not an empty field
    if isinstance(node, ast.Constant):
        fields = [("value", node.value)]
    # Python 3.12 adds an empty text after a format within a format, f"{a:{b}}"
    if isinstance(node, ast.JoinedStr):
        fields = [("values", [part for part in node.values if getattr(part, "value", None) != ""])]
    return type(node).__name__ + "(" + ",".join(f"{n}={_plain(v)}" for n, v in fields) + ")"
