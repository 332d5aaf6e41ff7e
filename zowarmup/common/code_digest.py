"""Which code made a result: a digest of the modules that a run executes, blind to prose.

Two versions of a module have the same digest if they differ only in comments, docstrings and
layout. The digest is taken over the syntax tree, field by field, leaving out everything empty: what
newer Python versions add to the tree is empty in code that older ones can read, so all versions
agree. Standard library alone, so that any interpreter can check this.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = "zowarmup"

# Names and defaults only; the values that a run gets from them are in its params already.
TABLES = (f"{PACKAGE}.config.registry", f"{PACKAGE}.config.phase")
ROOT = Path(__file__).parents[1]


def code_digest(modules: Iterable[str], *scripts: str | Path) -> str:
    """Digest of scripts, modules and every module of this package that they import.

    Args:
        modules: dotted names, e.g. "zowarmup.algorithms.zo".
        scripts: files outside the package.

    Returns:
        16 hexadecimal digits.
    """
    files = [Path(script) for script in scripts]
    names = _closure({*modules, *(name for file in files for name in _imports(file))})
    parts = [_text(file) for file in files] + [f"{n}={_text(_file(n))}" for n in sorted(names)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def source_digest(source: str) -> str:
    """Digest of one piece of source text, blind to comments, docstrings and layout."""
    return hashlib.sha256(_plain(ast.parse(source)).encode()).hexdigest()[:16]


def _closure(names: set[str]) -> set[str]:
    done: set[str] = set()
    queue = [name for name in names if _counts(name)]
    while queue:
        name = queue.pop()
        if name not in done:
            done.add(name)
            queue += [n for n in _imports(_file(name)) if _counts(n)]
    return done


@cache
def _counts(name: str) -> bool:
    """A module of the package that does something; packages' __init__ only hold docstrings."""
    return name.startswith(f"{PACKAGE}.") and name not in TABLES and _file(name).is_file()


def _file(name: str) -> Path:
    return ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")


@cache
def _imports(file: Path) -> frozenset[str]:
    return frozenset(_imported(_tree(file)))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _text(file: Path) -> str:
    return _plain(_tree(file))


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _plain(node: Any) -> str:
    """A syntax tree as text: class names and non-empty fields."""
    if isinstance(node, list):
        return "[" + ",".join(_plain(item) for item in node) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields = [(name, _without_docstring(v) if name == "body" else v) for name, v in fields]
    # a Constant may well be None, [] is no constant
    if isinstance(node, ast.Constant):
        fields = [("value", node.value)]
    # Python 3.12 ends a format within a format, f"{a:{b}}", with an empty text
    if isinstance(node, ast.JoinedStr):
        fields = [("values", [part for part in node.values if not _is_empty_text(part)])]
    return type(node).__name__ + "(" + ",".join(f"{n}={_plain(v)}" for n, v in fields) + ")"


def _is_empty_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return body[1:] if isinstance(first.value.value, str) else body
    return body
