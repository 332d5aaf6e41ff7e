"""The docstrings of an installed package, module by module, read without importing it."""

import ast
from pathlib import Path

from zowarmup.common.errors import cause
from zowarmup.config import data_files
from zowarmup.data.arrays import DataError

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def read(package: str) -> dict[str, str]:
    """Return the docstrings of each module in the order of its lines, by the module's name.

    Raises:
        DataError: the package is not installed, or a module cannot be read.
    """
    folder = data_files.package(package)
    if folder is None:
        raise DataError(f"docstrings: {package} is not installed; install it, or name another one")
    return {_name(path, folder): _of_module(path) for path in data_files.modules(folder)}


def _name(path: Path, folder: Path) -> str:
    """The name of a module below the package: stats._qmc."""
    return ".".join(path.relative_to(folder).with_suffix("").parts)


def _of_module(path: Path) -> str:
    try:
        nodes = list(ast.walk(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({cause(error)}); install it again") from None
    documented = [node for node in nodes if isinstance(node, Documented)]
    ordered = sorted(documented, key=lambda node: getattr(node, "lineno", 0))
    return "\n\n".join(text for node in ordered if (text := ast.get_docstring(node)))
